import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { KeepOptions } from "../../pipelines/core/store.ts";
import { reportFiles } from "../../pipelines/report/sinks/report-files.ts";
import { forgetting } from "../../pipelines/run/forgetting.ts";

afterEach(() => vi.useRealTimers());

describe("what is no longer kept", () => {
  it("goes from the store, and its reports with it, look after look, also after one that failed", async () => {
    vi.useFakeTimers();
    const asked: KeepOptions[] = [];
    const removed: string[][] = [];
    const answers = [["INC-A", "INC-B"], undefined, [], ["INC-C"]];
    const end = forgetting({
      config: { store: { retention: 1000 } },
      store: {
        forget: async (options) => {
          asked.push(options);
          const incidents = answers[asked.length - 1];
          if (!incidents) throw new Error("the disk is full");
          return { rows: incidents.length, incidents, more: false };
        },
      },
      reports: { remove: async (ids) => void removed.push([...ids]) },
      clock: { nowMs: () => 5000 },
      log: pino({ level: "silent" }),
      everyMs: 10,
    });
    await vi.advanceTimersByTimeAsync(45);
    await end();
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual(Array(4).fill({ nowMs: 5000, keepMs: 1000 }));
    expect(removed).toEqual([["INC-A", "INC-B"], ["INC-C"]]);
  });

  it("takes the files of these incidents alone", async () => {
    const dir = mkdtempSync(join(tmpdir(), "faultwright-reports-"));
    try {
      const files = await reportFiles({ dir });
      for (const name of ["INC-A.html", "INC-A.md", "INC-A.json", "INC-AB.html"]) writeFileSync(join(dir, name), "");
      await files.remove(["INC-A", "INC-NONE"]);
      expect(["INC-A.html", "INC-A.md", "INC-A.json", "INC-AB.html"].map((f) => existsSync(join(dir, f)))).toEqual([
        false,
        false,
        false,
        true,
      ]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
