import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const setup = (...args: string[]) =>
  spawnSync(process.execPath, ["--import", "tsx", "test/setup-native.ts", ...args], { cwd: root, encoding: "utf8" });

describe("setup:native", () => {
  it.runIf(process.platform === "linux" && process.arch === "x64")(
    "names a wheel that is not there, and changes nothing",
    () => {
      const { status, stderr } = setup("--force", "--wheel", "/no/such.whl");
      expect(status).toBe(1);
      expect(stderr).toBe("setup:native: there is no file /no/such.whl\n");
    },
  );

  it("refuses an option that it does not have", () => {
    const { status, stderr } = setup("--gpu");
    expect(status).toBe(2);
    expect(stderr).toContain("--gpu");
  });
});
