/** What was found against what is known to have happened. */
import { wilsonInterval } from "../../models/survival/intervals.ts";
import type { OutageRecord } from "../core/reliability.ts";
import type { FoundIncident, KnownComparison, KnownIncident } from "../core/schemas/postmortem.ts";

export interface KnownOptions {
  /** Known times are people's: an incident this long before the start or after the end still belongs. */
  readonly toleranceMs?: number;
  /** Detected later than this after the known start is late. */
  readonly lateMs?: number;
  /** Taken for the length of a known incident without an end. */
  readonly assumedMs?: number;
}

export interface KnownResult {
  readonly comparison: KnownComparison;
  /** By incident id. */
  readonly verdicts: ReadonlyMap<string, { verdict: FoundIncident["verdict"]; knownId: string | null }>;
}

type Found = Pick<FoundIncident, "id" | "startMs" | "detectedMs" | "resolvedMs" | "suspects" | "entities">;

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");
/** `ts-order-service` and `order service` mean one thing; an empty name means nothing. */
const same = (a: string, b: string) => {
  const [x, y] = [plain(a), plain(b)];
  return x !== "" && y !== "" && (x === y || (Math.min(x.length, y.length) >= 4 && (x.includes(y) || y.includes(x))));
};

/**
 * An incident belongs to a known one where their times meet, `toleranceMs` allowed. Each counts once: pairs are formed in
 * order of the known starts, each with the first free incident whose suspects or entities name its service, else with
 * the first free one at all, and a known incident left over takes another's place where that one can move (augmenting
 * paths), so that as many as possible have one of their own. What is left of the known ones is `merged` where an
 * incident covers it, else `missed`; what is left of the incidents is a duplicate where it belongs to a known one, else
 * false. Cost O(known x found).
 */
export function compareKnown(
  found: readonly Found[],
  known: readonly OutageRecord[],
  { toleranceMs = 120_000, lateMs = 300_000, assumedMs = 1_800_000 }: KnownOptions = {},
): KnownResult {
  const incidents = [...found].sort((a, b) => a.detectedMs - b.detectedMs || (a.id < b.id ? -1 : 1));
  const list = [...known].sort((a, b) => a.startMs - b.startMs || (a.id < b.id ? -1 : 1));
  const meets = (f: Found, k: OutageRecord) => {
    const endMs = k.resolvedMs ?? k.startMs + assumedMs;
    return (
      f.startMs <= endMs + toleranceMs &&
      (f.resolvedMs ?? Number.POSITIVE_INFINITY) >= k.startMs - toleranceMs &&
      // Opened before the fault can't be about the fault, however long it lasted.
      f.detectedMs >= k.startMs - toleranceMs
    );
  };
  const about = (f: Found, k: OutageRecord) =>
    [...f.suspects.slice(0, 3), ...f.entities].some((name) => same(name, k.service));
  const candidates = list.map((k) => {
    const all = incidents.map((_, i) => i).filter((i) => meets(incidents[i]!, k));
    return [...all.filter((i) => about(incidents[i]!, k)), ...all.filter((i) => !about(incidents[i]!, k))];
  });
  const takenBy = new Map<number, number>();
  const assign = (k: number, seen: Set<number>): boolean => {
    for (const i of candidates[k]!) {
      if (seen.has(i)) continue;
      seen.add(i);
      const holder = takenBy.get(i);
      if (holder === undefined || assign(holder, seen)) {
        takenBy.set(i, k);
        return true;
      }
    }
    return false;
  };
  for (const k of list.keys()) assign(k, new Set());
  const own = new Map([...takenBy].map(([i, k]) => [k, i]));

  const rows = list.map((k, at): KnownIncident => {
    const i = own.get(at) ?? candidates[at]![0];
    const incident = i === undefined ? undefined : incidents[i]!;
    const delayMs = incident ? incident.detectedMs - k.startMs : null;
    const rank = incident && k.service !== "" ? incident.suspects.findIndex((s) => same(s, k.service)) : -1;
    return {
      id: k.id,
      service: k.service,
      startMs: k.startMs,
      endMs: k.resolvedMs,
      outcome: !incident ? "missed" : !own.has(at) ? "merged" : (delayMs as number) > lateMs ? "late" : "found",
      incidentId: incident?.id ?? null,
      delayMs,
      causeRank: rank < 0 ? null : rank + 1,
    };
  });
  const verdicts = new Map<string, { verdict: FoundIncident["verdict"]; knownId: string | null }>();
  for (const [i, f] of incidents.entries()) {
    const of = takenBy.get(i);
    const near = of ?? candidates.findIndex((c) => c.includes(i));
    const verdict = of !== undefined ? "true" : near >= 0 ? "duplicate" : "false";
    verdicts.set(f.id, { verdict, knownId: near >= 0 ? list[near]!.id : null });
  }
  const count = (outcome: KnownIncident["outcome"]) => rows.filter((r) => r.outcome === outcome).length;
  const judged = (verdict: FoundIncident["verdict"]) =>
    [...verdicts.values()].filter((v) => v.verdict === verdict).length;
  const covered = list.length - count("missed");
  const right = judged("true");
  const ratio = (hits: number, of: number) => {
    if (of === 0) return { value: null, interval: null };
    const { low, high } = wilsonInterval(hits, of);
    return { value: hits / of, interval: [low, high] as [number, number] };
  };
  const [recall, precision] = [ratio(covered, list.length), ratio(right, incidents.length)];
  const delays = rows.flatMap((r) => (r.delayMs === null ? [] : [r.delayMs])).sort((a, b) => a - b);
  const middle = (delays.length - 1) / 2;
  return {
    verdicts,
    comparison: {
      list: rows,
      toleranceMs,
      lateMs,
      found: count("found"),
      late: count("late"),
      merged: count("merged"),
      missed: count("missed"),
      false: judged("false"),
      duplicates: judged("duplicate"),
      recall: recall.value,
      recallInterval: recall.interval,
      precision: precision.value,
      precisionInterval: precision.interval,
      medianDelayMs: delays.length === 0 ? null : (delays[Math.floor(middle)]! + delays[Math.ceil(middle)]!) / 2,
    },
  };
}
