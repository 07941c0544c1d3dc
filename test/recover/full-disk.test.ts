/** The audit's disk is full: a real ENOSPC, from a small file system of its own where we may mount one, else /dev/full. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recoveryTarget } from "../../pipelines/core/recover-config.ts";
import { type Act, afterwards, carryOut } from "./crash.ts";

let dir: string;
let mounted = false;
const at = (name: string) => join(dir, name);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fw-full-"));
  mkdirSync(at("disk"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at("disk")], { stdio: "ignore" });
    mounted = true;
  } catch {
    mounted = false;
  }
  writeFileSync(at("version"), "1");
});
afterEach(() => {
  if (mounted) execFileSync("umount", ["-l", at("disk")]);
  rmSync(dir, { recursive: true });
});
const act = (): Act => ({
  use: recoveryTarget.parse({
    name: "t",
    use: {
      ...{ kind: "command", version: ["cat", at("version")], health: { kind: "command", command: ["true"] } },
      actions: {
        repair: {
          effect: "repairs",
          run: [process.execPath, "-e", `require("fs").appendFileSync(${JSON.stringify(at("ran"))}, "x")`],
        },
      },
    },
  }).use,
  ...{ target: "t", kind: "repair", trail: at("disk/audit.jsonl"), createdMs: Date.now() },
});
const times = () => (existsSync(at("ran")) ? readFileSync(at("ran"), "utf8").length : 0);
/** Steps that stand in the audit; its last line may be torn. */
const steps = () =>
  readFileSync(at("disk/audit.jsonl"), "utf8")
    .split("\n")
    .filter((line) => /^\{.*"event":"step".*\}$/.test(line) && line.includes("run")).length;
/** Fills the disk but for `left` bytes. */
function fill(left: number) {
  if (!mounted) {
    // Every write fails, every read is empty.
    rmSync(at("disk/audit.jsonl"), { force: true });
    symlinkSync("/dev/full", at("disk/audit.jsonl"));
    return;
  }
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2))
    try {
      for (;;) appendFileSync(at("disk/filler"), Buffer.alloc(size));
    } catch {
      // smaller
    }
  if (left > 0) {
    const filler = readFileSync(at("disk/filler"));
    unlinkSync(at("disk/filler"));
    writeFileSync(at("disk/filler"), filler.subarray(0, Math.max(0, filler.length - left)));
  }
}

describe("a full disk at the audit", () => {
  it("full from the start: nothing is done, and that is told", async () => {
    fill(0);
    const { controls } = await carryOut(act());
    expect(times()).toBe(0);
    expect(controls.at(-1)).toMatchObject({ ok: false });
  });
  it.each([4096, 8192])(
    "with %d bytes left: never done without its step in the audit, never done twice",
    async (left) => {
      if (!mounted) return;
      fill(left);
      for (let i = 0; i < 12; i++) {
        const before = times();
        const plan = { ...act(), createdMs: Date.now() + i };
        await carryOut(plan).catch(() => undefined);
        if (times() > before) {
          expect(times()).toBe(before + 1);
          expect(steps()).toBeGreaterThanOrEqual(times());
        }
      }
      const done = times();
      // Room again: what was begun is closed once, and not done anew.
      rmSync(at("disk/filler"));
      await afterwards(act()).catch(() => undefined);
      expect(times()).toBeLessThanOrEqual(done + 1);
    },
  );
});
