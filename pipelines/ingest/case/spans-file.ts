/** `traces.csv` to a span table. */
import type { SpanTable } from "../../core/case-events.ts";
import { csvRecords } from "../csv/records.ts";
import { columnsOf } from "./columns.ts";
import { numberOf, timeMsOf } from "./times.ts";

const COLUMNS = ["start_ms", "trace", "span", "parent", "service", "operation", "duration_us"] as const;

interface Raw {
  readonly startMs: number;
  readonly durationUs: number;
  readonly trace: string;
  readonly span: string;
  readonly parent: string;
  readonly owner: number;
  readonly operation: number;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  // The low bits of FNV follow the last character too closely to sample by.
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 0;
}

/**
 * A span whose parent is missing is a root. A file with more than `maxSpans` keeps every 2nd, 4th ... trace, chosen by
 * its id: rates and durations keep their proportions. Spans without time, service or a duration >= 0 are left out and
 * counted.
 * @throws PipelineError as `csvRecords`, and DECODE_BAD_FIELD when a column is missing
 */
export async function readSpans(
  path: string,
  { maxSpans = 300_000 } = {},
): Promise<{ readonly spans: SpanTable; readonly rejected: number; readonly sampled: number }> {
  let at: Record<(typeof COLUMNS)[number], number> | undefined;
  let raw: Raw[] = [];
  let keepOf = 1;
  let rejected = 0;
  const owners = new Map<string, number>();
  const operations = new Map<string, { index: number; owner: number; name: string }>();
  for await (const { rows: records } of csvRecords(path, { careless: true })) {
    for (const cells of records) {
      if (!at) {
        at = columnsOf(cells, COLUMNS, path, ["operation", "parent", "trace"]);
        continue;
      }
      const trace = cells[at.trace] ?? "";
      if (keepOf > 1 && hashOf(trace) % keepOf !== 0) continue;
      const startMs = timeMsOf(cells[at.start_ms]);
      const durationUs = numberOf(cells[at.duration_us]);
      const service = cells[at.service] ?? "";
      if (!Number.isFinite(startMs) || !(durationUs >= 0) || service === "") {
        rejected += 1;
        continue;
      }
      const owner = owners.get(service) ?? owners.size;
      owners.set(service, owner);
      const name = cells[at.operation] ?? "";
      const key = `${owner} ${name}`;
      const operation = operations.get(key) ?? { index: operations.size, owner, name };
      operations.set(key, operation);
      const [span, parent] = [cells[at.span] ?? "", cells[at.parent] ?? ""];
      raw.push({ startMs, durationUs, trace, span, parent, owner, operation: operation.index });
      while (raw.length > maxSpans && keepOf < 1 << 20) {
        keepOf *= 2;
        raw = raw.filter((r) => hashOf(r.trace) % keepOf === 0);
      }
    }
  }
  const slots = new Map<string, number>();
  for (const [i, r] of raw.entries()) if (r.span !== "") slots.set(`${r.trace} ${r.span}`, i);
  const parentOf = (r: Raw, i: number) => {
    const slot = r.parent === "" ? undefined : slots.get(`${r.trace} ${r.parent}`);
    return slot === undefined || slot === i ? -1 : slot;
  };
  return {
    spans: {
      length: raw.length,
      startMs: Float64Array.from(raw, (r) => r.startMs),
      durationUs: Float64Array.from(raw, (r) => r.durationUs),
      parent: Int32Array.from(raw, parentOf),
      owner: Int32Array.from(raw, (r) => r.owner),
      operation: Int32Array.from(raw, (r) => r.operation),
      owners: [...owners.keys()],
      operations: [...operations.values()].map(({ owner, name }) => ({ owner, name })),
    },
    rejected,
    sampled: keepOf,
  };
}
