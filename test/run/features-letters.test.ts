import { describe, expect, it } from "vitest";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { DeadLetter, RawRecord } from "../../pipelines/core/records.ts";
import { shareOf } from "../../pipelines/core/share.ts";
import { assemble } from "../../pipelines/run/assemble.ts";

const T = 1_760_000_000_000;
const row = (service: string, timeMs: number, value: number | string = 1) =>
  JSON.stringify({ time: timeMs, service, metric: "queue", value });

/** Letters that a features stage gives for these records. */
function letters(records: readonly Partial<RawRecord>[], limits = "") {
  const stage = assemble(parseConfig(`windows: { window: 5s, lateness: 5s }\n${limits}`)).features;
  const out: { key: string; letter: DeadLetter }[] = [];
  for (const [i, r] of records.entries())
    stage.process(
      { source: "signals", position: String(i), ingestTimeMs: T, format: "jsonl", value: new Uint8Array(), ...r },
      {
        emit: (topic, key, record) => {
          if (topic === "dead-letters") out.push({ key, letter: record as DeadLetter });
        },
        send: () => {},
      },
    );
  return out;
}

describe("dead letters of the features stage", () => {
  it("hold a record whole, once, with each reason and what was used of it", () => {
    const value = Buffer.from(
      [row("a", T), row("b", T), "{broken", row("a", T, "x"), row("a", -5), row("a", T + 1e9)].join("\n"),
    );
    const out = letters([{ value }]);
    expect(out).toHaveLength(1);
    const { key, letter } = out[0] as (typeof out)[0];
    expect(key).toBe("signals@0");
    expect(Buffer.from(letter.payload, "base64").equals(value)).toBe(true);
    expect(letter).toMatchObject({
      complete: true,
      sizeBytes: value.length,
      rows: 4,
      taken: 2,
      format: "jsonl",
      ingestTimeMs: T,
      part: null,
      share: null,
    });
    expect(letter.reasons.map((r) => r.code).sort()).toEqual([
      "DECODE_BAD_FIELD",
      "DECODE_BAD_JSON",
      "TIME_BEFORE_1970",
      "TIME_IN_FUTURE",
    ]);
    for (const r of letter.reasons) expect(r.explanation).not.toBe("");
  });

  it("hold the beginning of a record over the limit, to the byte", () => {
    const of = (bytes: number) => letters([{ value: Buffer.alloc(bytes, "x") }], "limits: { deadLetterBytes: 1000 }");
    const [fits, not] = [of(1000)[0], of(1001)[0]];
    expect(fits?.letter).toMatchObject({ complete: true, sizeBytes: 1000 });
    expect(Buffer.from(fits?.letter.payload ?? "", "base64")).toHaveLength(1000);
    expect(not?.letter).toMatchObject({ complete: false, sizeBytes: 1001 });
    expect(Buffer.from(not?.letter.payload ?? "", "base64")).toHaveLength(256);
  });

  it("stay below Kafka's 1 MiB at the largest limit, with as many and as long reasons as there can be", () => {
    const names = Array.from({ length: 40 }, (_, i) => `${"☃".repeat(300)}${i}`);
    const bad = names.map((n) =>
      JSON.stringify({ time: T, service: "a", metric: "m", value: 1, [n]: "y".repeat(2000) }),
    );
    const value = Buffer.from([...bad, "z".repeat(640 * 1024)].join("\n")).subarray(0, 640 * 1024);
    const [one] = letters([{ value }], `limits: { deadLetterBytes: ${640 * 1024} }`);
    expect(one?.letter.complete).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(one?.letter))).toBeLessThan(1024 * 1024 - 4096);
    expect(() => parseConfig(`limits: { deadLetterBytes: ${640 * 1024 + 1} }`)).toThrow(/deadLetterBytes/);
  });

  it("count late rows as refused, and also those of a part that is not the first", () => {
    const mine = ["a", "b", "c", "d"].find((s) => shareOf("service", s, 2) === 1) as string;
    const share = { index: 1, of: 2, primary: false };
    const out = letters([
      { value: Buffer.from(row(mine, T)), share, part: 1, position: "7" },
      { value: Buffer.from(row(mine, T + 60_000)), share, part: 1, ingestTimeMs: T + 60_000, position: "8" },
      { value: Buffer.from(`${row(mine, T)}\n${row(mine, T + 60_000)}`), share, part: 1, position: "9" },
    ]);
    expect(out).toHaveLength(1);
    expect(out[0]).toMatchObject({
      key: "signals@9#1",
      letter: { part: 1, share, rows: 1, taken: 1, reasons: [{ code: "TIME_TOO_LATE", rows: 1 }] },
    });
  });
});
