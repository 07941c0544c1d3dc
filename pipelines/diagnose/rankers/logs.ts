/** Counted lines of a stream: new or bursting warnings and errors; a line that names another entity speaks of that one too. */
import type { Evidence, LogDigest } from "../../core/records.ts";
import { type CaseView, timeAt } from "../case-view.ts";
import { rateContrast } from "../rates.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "logs";
const ERROR = 17;
const WARN_FACTOR = 0.3;
const MAX_SCORE = 1.5;
/** Square root of the doubled log-likelihood ratio from which a burst means something, and counts in full. */
const WEAK = 1.75;
const FULL = 10;
/** Who writes a line that names another keeps this much of it. */
const WRITER_SHARE = 0.35;

/** How surely the second rate is higher. */
const burst = (n0: number, t0: number, n1: number, t1: number): number =>
  n1 / t1 > n0 / t0 ? rateContrast(n0, t0, n1, t1) : 0;

export const logs: Ranker = {
  name: NAME,
  clock: "windows",
  rank(view, { index: onset }) {
    const onsetMs = timeAt(view, onset);
    const counts = new Map<string, { before: number; after: number; digest: LogDigest }>();
    for (const d of view.logs) {
      const key = `${d.entity}\u0000${d.templateId ?? d.template}`;
      const c = counts.get(key) ?? { before: 0, after: 0, digest: d };
      if (d.startMs < onsetMs) c.before += d.count;
      else c.after += d.count;
      if (d.startMs >= onsetMs && c.digest.startMs < onsetMs) c.digest = d;
      counts.set(key, c);
    }
    const names = view.entities.map((e) => e.name).filter((n) => n.length >= 3);
    const best = new Map<string, Evidence>();
    const offer = (entity: string, score: number, text: string) => {
      if (score > (best.get(entity)?.score ?? 0)) best.set(entity, { ranker: NAME, score, text });
    };
    for (const key of [...counts.keys()].sort()) {
      const { before, after, digest } = counts.get(key)!;
      const strength = burst(before, Math.max(1, onset), after, Math.max(1, view.length - onset)) - WEAK;
      if (strength <= 0 || after < 2) continue;
      const full = (MAX_SCORE * Math.log1p(Math.min(strength, FULL))) / Math.log1p(FULL);
      const score = full * (digest.severity >= ERROR ? 1 : WARN_FACTOR);
      const line = digest.sample.length > 120 ? `${digest.sample.slice(0, 120)}…` : digest.sample;
      const text = `${before === 0 ? "new" : "many more"} lines (${after}): ${line}`;
      const others = named(view, names, digest);
      offer(digest.entity, score * (others.length > 0 ? WRITER_SHARE : 1), text);
      for (const other of others) offer(other, score * (1 - WRITER_SHARE), `${digest.entity} has ${text}`);
    }
    const results: RankerResult[] = [...best].map(([entity, e]) => ({ entity, score: e.score, for: [e], against: [] }));
    return spoken(results);
  },
};

/** Other entities that the line names as whole words; with a known call graph only those its writer calls. */
function named(view: CaseView, names: readonly string[], d: LogDigest): string[] {
  const text = d.sample.toLowerCase();
  const callees = new Set(view.edges.filter((e) => e.caller === d.entity).map((e) => e.callee));
  return names.filter((name) => {
    if (name === d.entity || (view.edges.length > 0 && !callees.has(name))) return false;
    const at = text.indexOf(name.toLowerCase());
    if (at < 0) return false;
    const [left, right] = [text[at - 1] ?? " ", text[at + name.length] ?? " "];
    return !/[a-z0-9_]/.test(left) && !/[a-z0-9_]/.test(right);
  });
}
