import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const dir = mkdtempSync(join(tmpdir(), "faultwright-examples-"));
afterAll(() => rmSync(dir, { recursive: true }));
const page = readFileSync(join(root, "docs/tolerance.md"), "utf8");
const entry = pathToFileURL(join(root, "pipelines/tolerance/index.ts")).href;
const examples = new Map(
  [...page.matchAll(/```ts\n\/\/ example: (\S+)\n([\s\S]*?)```/g)].map((m) => [m[1]!, m[2]!] as const),
);
for (const [name, code] of examples)
  writeFileSync(
    join(dir, name.replace(/ts$/, "mts")),
    code.replaceAll('"faultwright/tolerance"', JSON.stringify(entry)),
  );

function run(name: string, args: string[] = [], onState?: (kill: () => void) => void) {
  return new Promise<{ out: string; signal: string | null; errors: string }>((done) => {
    const script = join(dir, name.replace(/ts$/, "mts"));
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], { cwd: root });
    let [out, errors] = ["", ""];
    child.stdout.on("data", (d) => {
      out += d;
    });
    child.stderr.on("data", (d) => {
      errors += d;
    });
    onState?.(() => child.kill("SIGKILL"));
    child.once("close", (_, signal) => done({ out, signal, errors }));
  });
}

describe("the examples of docs/tolerance.md", () => {
  it.each([
    ["interval.ts", "38 minutes, not 1440\n"],
    ["retry.ts", "42 after 3 tries; circuit open: false\n"],
    ["vote.ts", "5050 by versions 0 and 1\n"],
    ["recovery-block.ts", "1 2 3 by alternate 1\n"],
  ])("%s prints what it says", async (name, expected) => {
    const { out, errors } = await run(name);
    expect(errors).toBe("");
    expect(out).toBe(expected);
  });

  it("sum.ts goes on after each kill -9 and comes to the right sum", { timeout: 120_000 }, async () => {
    const state = join(dir, "state");
    const newest = () => {
      try {
        return Math.max(0, ...readdirSync(state).flatMap((f) => /-(\d+)\.ckpt$/.exec(f)?.slice(1).map(Number) ?? []));
      } catch {
        return 0;
      }
    };
    for (let kills = 0; kills < 3; kills++) {
      const before = newest();
      const { signal } = await run("sum.ts", [state], (kill) => {
        const look = setInterval(() => {
          // Two checkpoints further on: it did go on, and is killed somewhere in the next.
          if (newest() >= before + 2) {
            clearInterval(look);
            kill();
          }
        }, 1);
      });
      expect(signal).toBe("SIGKILL");
      expect(newest()).toBeGreaterThan(before);
    }
    expect((await run("sum.ts", [state])).out).toBe(`${(2_000_000 * 2_000_001) / 2}\n`);
    expect(newest()).toBe(100); // nothing was done twice but what came after the last checkpoint
  });
});
