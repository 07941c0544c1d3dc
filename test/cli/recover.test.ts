import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { recoverCommand } from "../../pipelines/cli/recover.ts";
import { KILL_SWITCH } from "../../pipelines/run/job.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-recover-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe("faultwright recover", () => {
  it("halts and resumes through a file that needs no running pipeline, twice in a row too", async () => {
    const say = (...args: string[]) => recoverCommand().parseAsync([...args, "--data-dir", dir], { from: "user" });
    for (const [word, on] of [
      ["halt", true],
      ["halt", true],
      ["resume", false],
      ["resume", false],
    ] as const) {
      await say(word);
      expect(existsSync(join(dir, KILL_SWITCH))).toBe(on);
    }
  });
});
