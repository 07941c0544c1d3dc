import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cellsOf } from "../../../pipelines/ingest/csv/cells.ts";
import { type CsvRecordOptions, csvRecords } from "../../../pipelines/ingest/csv/records.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-csv-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function read(text: string | Buffer, options: CsvRecordOptions = {}, name = "x.csv") {
  writeFileSync(join(dir, name), text);
  const out: [number, string[]][] = [];
  let error: unknown;
  try {
    for await (const { rows, lines } of csvRecords(join(dir, name), options))
      rows.forEach((row, k) => {
        out.push([lines[k]!, row]);
      });
  } catch (e) {
    error = e;
  }
  return { out, error: error instanceof Error ? error.message : error };
}
const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

describe("records of a CSV file", () => {
  it("are the cells that were written, whatever these hold", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.string({ unit: fc.constantFrom("a", "é", "😀", '"', ",", "\n", " ") }), { minLength: 1 })),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        async (rows, end, mark) => {
          const text = `${mark ? "\u{feff}" : ""}${rows.map((r) => r.map(quoted).join(",") + end).join("")}`;
          const { out, error } = await read(text);
          expect(error).toBeUndefined();
          // blank lines are no records
          expect(out.map(([, cells]) => cells)).toEqual(rows.filter((r) => r.map(quoted).join(",").trim() !== ""));
        },
      ),
      { numRuns: 150 },
    ));

  it("carry the line on which they begin", async () => {
    const { out } = await read('a,b\n\n"x\ny",2\r\n  \n3,4');
    expect(out).toEqual([
      [1, ["a", "b"]],
      [3, ["x\ny", "2"]],
      [6, ["3", "4"]],
    ]);
  });

  it("go on over the ends of chunks, packed too", async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `${i},"é${"x".repeat(i % 9)}\n""${i}"""`);
    for (const [name, bytes] of [
      ["x.csv", Buffer.from(rows.join("\n"))],
      ["x.csv.gz", gzipSync(rows.join("\n"))],
    ] as const) {
      const { out } = await read(bytes, {}, name);
      expect(out.length).toBe(60_000);
      expect(out.every(([line, [i, text]], k) => line === 2 * k + 1 && i === `${k}` && text!.endsWith(`"${k}"`))).toBe(
        true,
      );
    }
  });

  it.each([
    ["a quote that is not closed", 'a,b\n1,2\n3,"4\n5,6\n', {}, 2, /x.csv:3: .*quote/],
    ["text after a closing quote", 'a,b\n1,2\n3,"4"5\n5,6\n', {}, 2, /x.csv:3: .*quote/],
    [
      "a line that is too long",
      `a,b\n1,2\n${"9".repeat(400_000)}\n`,
      { longest: 1000 },
      2,
      /x.csv:3: .*longer than 1000/,
    ],
  ])("before %s are given first, then the error with its line", async (_, text, options, count, wanted) => {
    const { out, error } = await read(text, options);
    expect(out.length).toBe(count);
    expect(error).toMatch(wanted);
  });

  it("of a careless writer are better than none", async () => {
    const { out } = await read('a,b\n"3"x,"4" \n', { careless: true });
    expect(out[1]![1]).toEqual(["3x", "4 "]);
    expect(cellsOf('a,"b', { careless: true })).toEqual(["a", "b"]);
    expect(cellsOf('a,"b')).toBeNull();
  });

  it.each([
    ["no.csv", ""],
    ["broken.csv.gz", "not gzip"],
  ])("say that %s can't be read", async (name, text) => {
    if (text === "") expect((await read("", {}, "empty.csv")).out).toEqual([]);
    const at = join(dir, name);
    if (text !== "") writeFileSync(at, text);
    await expect(csvRecords(at).next()).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
  });
});
