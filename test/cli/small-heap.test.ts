import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

/** Most bytes of heap of a process that replaces what it holds over and over. */
function mostHeapBytes(before: string): number {
  const script = `
    import { keepHeapSmall } from "./pipelines/cli/small-heap.ts";
    ${before}
    const held = Array.from({ length: 20_000 }, (_, i) => [i, String(i)]);
    let most = 0;
    for (let i = 0; i < 600_000; i++) {
      held[i % held.length] = [i, "x" + i, [i]];
      if (i % 5000 === 0) most = Math.max(most, process.memoryUsage().heapTotal);
    }
    process.stdout.write(String(most));`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  return Number(execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" }));
}

describe("keepHeapSmall", () => {
  it("keeps the heap of a running process at less than three quarters of what it grows to by itself", () => {
    expect(mostHeapBytes("keepHeapSmall();")).toBeLessThan(0.75 * mostHeapBytes("void keepHeapSmall;"));
  });
});
