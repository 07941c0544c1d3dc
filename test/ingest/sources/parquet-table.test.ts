import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openParquetTable } from "../../../pipelines/ingest/sources/parquet-table.ts";
import { readHistory } from "../../../pipelines/run/learn/read-history.ts";

let dir = "";
let duck: DuckDBConnection;
const at = (name: string) => join(dir, name);
const write = (name: string, sql: string) =>
  duck.run(`COPY (${sql}) TO '${at(name).replaceAll("'", "''")}' (FORMAT PARQUET)`);
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-parquet-"));
  duck = await (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
});
afterAll(() => {
  duck?.closeSync();
  rmSync(dir, { recursive: true, force: true });
});

async function all(name: string) {
  const table = await openParquetTable(at(name), { entities: ["entity"] });
  const out = { columns: table.columns, times: [] as number[], values: [] as number[], entities: [] as string[] };
  for await (const batch of table.batches) {
    out.times.push(...batch.timesMs);
    out.values.push(...batch.values);
    out.entities.push(...(batch.entities ?? []));
  }
  return { ...out, notes: table.notes() };
}

describe("a Parquet file as a table", () => {
  it("gives numbers and booleans in the order of the file, over many row groups", async () => {
    await write(
      "many.parquet",
      "SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS timestamp, i::DECIMAL(12,3) / 4 AS d, i % 2 = 0 AS even, 'e' || (i % 2) AS entity, 'x' AS note FROM range(150000) t(i)",
    );
    const { columns, times, values, entities, notes } = await all("many.parquet");
    expect(columns).toEqual(["d", "even"]);
    expect(times.length).toBe(150_000);
    expect(times.every((t, i) => t === Date.UTC(2026, 0, 1) + 1000 * i)).toBe(true);
    expect(values.every((v, k) => v === (k % 2 === 0 ? k / 8 : k % 4 === 1 ? 1 : 0))).toBe(true);
    expect(entities.slice(0, 3)).toEqual(["e0", "e1", "e0"]);
    expect(notes).toEqual([expect.stringContaining("column note holds VARCHAR")]);
  });

  it.each([
    ["a timestamp with a zone", "TIMESTAMPTZ '2026-01-01 00:00:00+02'", Date.UTC(2025, 11, 31, 22)],
    ["nanoseconds", "TIMESTAMP_NS '2026-01-01 00:00:00.123456789'", Date.UTC(2026, 0, 1) + 123],
    ["a date", "DATE '2026-01-01'", Date.UTC(2026, 0, 1)],
    ["ms", "1760000000000::BIGINT", 1_760_000_000_000],
    ["seconds with a fraction", "1760000000.5::DOUBLE", 1_760_000_000_500],
    ["text", "'2026-01-01T00:00:00Z'", Date.UTC(2026, 0, 1)],
    ["an infinite time", "'infinity'::TIMESTAMP", Number.NaN],
    ["none", "NULL::TIMESTAMP", Number.NaN],
  ])("reads %s", async (_, sql, timeMs) => {
    await write("time.parquet", `SELECT ${sql} AS ts, 1 AS v`);
    expect((await all("time.parquet")).times).toEqual([timeMs]);
  });

  it("takes null, NaN and infinities for gaps, keeps huge values", async () => {
    await write(
      "gaps.parquet",
      "SELECT 1760000000 + row_number() OVER () AS ts, v FROM (VALUES (NULL), ('nan'::DOUBLE), ('inf'::DOUBLE), (1e300)) t(v)",
    );
    expect((await all("gaps.parquet")).values).toEqual([Number.NaN, Number.NaN, Number.NaN, 1e300]);
  });

  it("takes no name for a pattern", async () => {
    await write("a[1]*x?'.parquet", "SELECT 1760000000 AS ts, 7 AS v");
    await write("a1bxc'.parquet", "SELECT 1760000000 AS ts, 8 AS v");
    expect((await all("a[1]*x?'.parquet")).values).toEqual([7]);
  });

  it.each([
    ["no time", "SELECT 1 AS v", "DECODE_BAD_FIELD"],
    ["no numbers", "SELECT 1 AS ts, 'x' AS v", "DECODE_BAD_FIELD"],
  ])("refuses a file with %s", async (_, sql, code) => {
    await write("bad.parquet", sql);
    await expect(openParquetTable(at("bad.parquet"))).rejects.toMatchObject({ code });
  });

  it.each([
    ["is no Parquet", "nonsense, and more of it"],
    ["is empty", ""],
  ])("refuses a file that %s", async (_, text) => {
    writeFileSync(at("text.parquet"), text);
    await expect(openParquetTable(at("text.parquet"))).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await expect(openParquetTable(at("missing.parquet"))).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
  });

  it("is a history as the same rows in CSV are", async () => {
    await write(
      "h.parquet",
      "SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS timestamp, sin(i) AS a, i AS b, (i BETWEEN 3 AND 5)::INT AS label FROM range(20) t(i)",
    );
    await duck.run(`COPY (SELECT * FROM '${at("h.parquet")}') TO '${at("h.csv")}' (FORMAT CSV, HEADER)`);
    const read = (name: string) => readHistory({ input: at(name), part: "train", labelColumn: "label", say: () => {} });
    const [parquet, csv] = [await read("h.parquet"), await read("h.csv")];
    expect(parquet).toEqual(csv);
    expect(parquet[0]!.incidents.length).toBe(1);
    const cut = await readHistory({
      input: at("h.parquet"),
      part: "train",
      fromMs: Date.UTC(2026, 0, 1, 0, 5),
      toMs: Date.UTC(2026, 0, 1, 0, 9),
      say: () => {},
    });
    expect([...cut[0]!.values]).toEqual([5, 6, 7, 8].flatMap((i) => [Math.sin(i), i]));
  });
});
