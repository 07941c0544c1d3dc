/** What happened, in one sentence that an engineer reads at 3 a.m. */
import { formatDuration, formatTime, list, percent } from "../core/format.ts";
import { isBenign } from "../core/metric-family.ts";
import type { Evidence, Family } from "../core/records.ts";
import { type CaseView, findSeries } from "./case-view.ts";
import { moved } from "./rankers/ranker.ts";
import { shiftsAt } from "./shift.ts";

export interface Story {
  readonly suspect: { readonly name: string; readonly for: readonly Evidence[] };
  readonly onset: number;
  readonly onsetMs: number;
  /** Entities whose symptoms the suspect explains. */
  readonly affected: readonly string[];
}

/** Single calls and lines say more exactly what is wrong than any series. */
const EVENT_RANKERS: ReadonlySet<string> = new Set(["edge-gap", "self-time", "span-structure", "log-rate"]);
const FAILING = 0.02;
const CLEAR = 3;

export function headline(view: CaseView, { suspect, onset, onsetMs, affected }: Story): string {
  const { name } = suspect;
  const since = `since ${formatTime(onsetMs)}`;
  const shifts = shiftsAt(view, onset);
  const at = (metric: string) => {
    const i = findSeries(view, name, metric);
    return i === undefined ? undefined : shifts.get(i);
  };
  const waiting =
    affected.length === 0 ? "" : `, and ${list(affected)} ${affected.length > 1 ? "wait" : "waits"} for it`;
  const failing =
    affected.length === 0 ? "" : `, and ${list(affected)} ${affected.length > 1 ? "fail" : "fails"} with it`;
  const deploy = suspect.for.find((e) => e.ranker === "change");
  const after = deploy ? `, after a ${deploy.text.replace(/ before it began$/, " earlier")}` : "";
  const resource = loudest(view, name, onset, ["cpu", "memory", "disk"]);
  const also = resource && resource.score >= CLEAR ? `; its ${resource.text}` : "";
  if (suspect.for.some((e) => e.ranker === "silence" && e.score >= 1))
    return `${name} has been silent ${since}: it has crashed or hangs${failing}${after}`;
  const errors = at("spans.server.error_ratio");
  if (errors && errors.score >= CLEAR && errors.after - errors.before > FAILING) {
    const text = `${percent(errors.after)} of its requests fail instead of ${percent(errors.before)}`;
    return `${name} has been failing ${since}${after}: ${text}${failing}${also}`;
  }
  const self = at("spans.self_time");
  if (self && self.score >= CLEAR && self.after > self.before) {
    const text = `its own work takes ${formatDuration(self.after)} instead of ${formatDuration(self.before)}`;
    return `${name} has been slow ${since}${after}: ${text}${waiting}${also}`;
  }
  const loudestEvidence = suspect.for[0];
  if (loudestEvidence && EVENT_RANKERS.has(loudestEvidence.ranker))
    return `${name} has been in trouble ${since}${after}: ${loudestEvidence.text}${waiting}`;
  if (resource) return `${name} has been in trouble ${since}${after}: its ${resource.text}${waiting}`;
  const other = loudest(view, name, onset, ["errors", "latency", "traffic", "network", "other"]);
  if (other) return `${name} has behaved unusually ${since}${after}: its ${other.text}${waiting}`;
  const first = suspect.for[0];
  return first
    ? `${name} has been in trouble ${since}: ${first.text}${waiting}`
    : `${name} is the likeliest cause ${since}`;
}

/** The series of these families that moved most, in words. */
function loudest(view: CaseView, entity: string, onset: number, families: readonly Family[]) {
  const shifts = shiftsAt(view, onset);
  let best: { score: number; text: string } | undefined;
  for (const [i, s] of view.series.entries()) {
    const shift = shifts.get(i);
    if (s.entity !== entity || s.peer !== null || !families.includes(s.family)) continue;
    const direction = shift.after > shift.before ? "up" : "down";
    if (shift.score <= Math.max(1, best?.score ?? 0) || isBenign(s.metric, direction)) continue;
    best = { score: shift.score, text: moved(s, shift, "is") };
  }
  return best;
}
