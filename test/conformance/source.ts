import { expect } from "vitest";
import type { RawRecord } from "../../pipelines/core/records.ts";
import type { Source } from "../../pipelines/core/source.ts";

const plain = (records: readonly RawRecord[]) =>
  records.map((r) => ({ ...r, value: Buffer.from(r.value).toString("latin1") }));

/** Reads to the end of what there is. */
export async function readAll(source: Source, from?: string, maxBytes = 1 << 20): Promise<RawRecord[]> {
  const out: RawRecord[] = [];
  for (let position = from; ; position = out.at(-1)?.position) {
    const records = await source.read(position, maxBytes);
    if (records.length === 0) return out;
    out.push(...records);
  }
}

/** The laws of a `Source` that holds at least three records. `open` opens the same one anew. */
export async function checkSource(open: () => Promise<Source>): Promise<RawRecord[]> {
  const source = await open();
  const all = await readAll(source);
  expect(all.length).toBeGreaterThanOrEqual(3);
  expect(all.every((r) => r.source === source.name && Number.isFinite(r.ingestTimeMs))).toBe(true);
  expect(new Set(all.map((r) => r.position)).size).toBe(all.length);
  // However it is cut, and whoever reads it, it is the same.
  expect(plain(await readAll(source, undefined, 1))).toEqual(plain(all));
  await source.close();
  const again = await open();
  expect(again.name).toBe(source.name);
  // Any position that was given out can be gone on from: forwards, and backwards.
  for (const k of [Math.floor(all.length / 2), all.length - 2, 0])
    expect(plain(await readAll(again, all[k]?.position))).toEqual(plain(all.slice(k + 1)));
  expect(await again.read(all.at(-1)?.position, 1)).toEqual([]);
  await again.close();
  return all;
}
