import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import type { RawRecord } from "../../../pipelines/core/records.ts";
import { fileSource } from "../../../pipelines/ingest/sources/files.ts";
import { checkSource } from "../../conformance/source.ts";

const dir = mkdtempSync(join(tmpdir(), "files-"));
afterAll(() => rmSync(dir, { recursive: true }));

const lines = Array.from({ length: 500 }, (_, i) => `${1_700_000_000 + i},${"9".repeat(1 + ((i * 7) % 40))}`);
const text = `timestamp,v\n${lines.join("\n")}`;
const write = (name: string, content: string | Buffer) => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
const plain = write("a.csv", text);
const packed = write("a.csv.gz", gzipSync(text));

async function readAll(path: string, maxBytes: number, from?: string): Promise<RawRecord[]> {
  const source = fileSource({ path, chunkBytes: 700 });
  const out: RawRecord[] = [];
  let position = from;
  while (!(await source.finished(position))) {
    const records = await source.read(position, maxBytes);
    expect(records.length).toBeGreaterThan(0);
    out.push(...records);
    position = records.at(-1)!.position;
  }
  expect(await source.read(position, maxBytes)).toEqual([]);
  await source.close();
  return out;
}
const same = (records: RawRecord[]) => records.map((r) => ({ ...r, value: Buffer.from(r.value).toString() }));

describe.each([plain, packed])("%s", (path) => {
  it("keeps the laws of a source", async () => {
    await checkSource(async () => fileSource({ path, chunkBytes: 700 }));
  });

  it("gives the same records whatever maxBytes, and from any position", async () => {
    const all = same(await readAll(path, 1));
    expect(all.length).toBeGreaterThan(10);
    expect(all.map((r) => r.value.replace("timestamp,v\n", "")).join("")).toBe(lines.join("\n"));
    expect(same(await readAll(path, 3000))).toEqual(all);
    expect(same(await readAll(path, 1e9))).toEqual(all);
    for (let i = 0; i < all.length; i += 5) {
      const source = fileSource({ path, chunkBytes: 700 });
      expect(same([...(await source.read(all[i]!.position, 1e9))])).toEqual(all.slice(i + 1));
      await source.close();
    }
  });
});

describe("fileSource", () => {
  it("does not read what is appended later", async () => {
    const path = write("grow.jsonl", '{"a":1}\n');
    const source = fileSource({ path });
    const [first] = await source.read(undefined, 1);
    writeFileSync(path, '{"a":1}\n{"b":2}\n');
    expect(await source.finished(first?.position)).toBe(true);
    await source.close();
  });

  it.each(["long.jsonl", "long.jsonl.gz"])("%s: a line over 1 MiB becomes a small record", async (name) => {
    const content = `{"a":1}\n${"x".repeat(3_000_000)}\n{"b":2}\n`;
    const path = write(name, name.endsWith("gz") ? gzipSync(content) : content);
    const values = same(await readAll(path, 1)).map((r) => r.value);
    expect(values).toHaveLength(3);
    expect(values[1]).toMatch(/^\0line over 1048576 bytes\nx{200}$/);
    expect(values[2]).toBe('{"b":2}\n');
  });

  it("refuses what it can't read", async () => {
    const read = (path: string, position?: string) => fileSource({ path }).read(position, 1);
    await expect(read(join(dir, "none.csv"))).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await expect(read(join(dir, "none.csv.gz"))).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await expect(read(write("bad.csv.gz", "no gzip"))).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await expect(read(write("cut.csv.gz", gzipSync(text).subarray(0, 300)))).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
    await expect(read(plain, "nonsense")).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    expect(() => fileSource({ path: "x.txt" })).toThrow(/CONFIG_INVALID/);
    expect(await readAll(write("empty.csv", ""), 1)).toEqual([]);
    expect(await readAll(write("header.csv", "timestamp,v"), 1)).toEqual([]);
  });
});

describe("formats", () => {
  it("a format with a name of its own is carried by records; CSV keeps its header unless there is none", async () => {
    const records = async (options: { format: string; header?: boolean }) => {
      const source = fileSource({ path: plain, chunkBytes: 700, ...options });
      const [first, second] = await source.read(undefined, 1e9);
      await source.close();
      return [first, second].map((r) => [
        r?.format,
        Buffer.from(r?.value ?? "")
          .toString()
          .split("\n")[0],
      ]);
    };
    expect(await records({ format: "csv:files-0" })).toEqual(Array(2).fill(["csv:files-0", "timestamp,v"]));
    const bare = await records({ format: "csv:files-0", header: false });
    expect(bare[0]).toEqual(["csv:files-0", "timestamp,v"]);
    expect(bare[1]?.[1]).toMatch(/^17/);
    expect((await records({ format: "text" }))[1]).toEqual(["text", bare[1]?.[1]]);
    expect(() => fileSource({ path: "a.log" })).toThrow(/name its format/);
  });
});
