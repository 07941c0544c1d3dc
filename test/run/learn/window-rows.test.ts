/** Files through the stream's first stage as histories. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { readInput } from "../../../pipelines/run/learn/read-input.ts";

const START = Date.UTC(2026, 0, 5);
let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-window-rows-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** [seconds, entity, a, b]; an empty text is a gap. */
async function read(rows: readonly (readonly [number, string, number | "", number | ""])[], windows = "10s") {
  const path = join(dir, "x.csv");
  const lines = rows.map(([t, entity, a, b]) => `${START + 1000 * t},${entity},${a},${b}`);
  writeFileSync(path, `timestamp,entity,a,b\n${lines.join("\n")}\n`);
  const config = parseConfig(
    `{ windows: { window: ${windows}, lateness: 1s }, sources: [{ kind: files, paths: [${path}] }] }`,
  );
  const said: string[] = [];
  const all = await readInput({ signals: { config }, now: () => START + 1e9, say: (n) => void said.push(n) }, "train");
  return {
    all: all.map((h) => ({ ...h, columns: h.columns.filter((c) => c !== "telemetry.age") })),
    histories: all,
    said,
  };
}

describe("windows as rows", () => {
  it("hold the mean of a window, a gap where a series was silent, and no row where all were", async () => {
    const rows = Array.from({ length: 40 }, (_, i) => [30 * i, "web", i, i % 2 === 0 ? 2 * i : ""] as const);
    const { all, histories } = await read(rows);
    expect(all[0]!.entity).toBe("web");
    // of three windows one holds a row, and is one
    expect([...all[0]!.at]).toEqual(rows.map(([t]) => START + 1000 * t));
    const [h] = histories;
    const column = (name: string) => {
      const d = h!.columns.indexOf(name);
      return h!.values.filter((_, k) => k % h!.columns.length === d);
    };
    expect([...column("a")]).toEqual(rows.map(([, , a]) => a));
    expect([...column("b")]).toEqual(rows.map(([, , , b]) => (b === "" ? Number.NaN : b)));
  });

  it("are told when rows came too late for theirs", async () => {
    const sorted = Array.from({ length: 8000 }, (_, i) => [10 * i, "a", 1, 1] as const);
    // one entity after the other, over more than one read of the file
    const byEntity = [...sorted.map(([t]) => [t, "a", 1, 1] as const), ...sorted.map(([t]) => [t, "b", 1, 1] as const)];
    expect((await read(sorted)).said).toEqual([]);
    expect((await read(byEntity)).said.join()).toMatch(/rows refused: TIME_TOO_LATE.*sort files by time/);
  });

  it("say so where there is none", async () => {
    await expect(read([[0, "web", "", ""]])).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});
