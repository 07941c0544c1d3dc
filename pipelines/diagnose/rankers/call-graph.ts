/** Who is slow or failing by itself, and who only waits for others: spans tell the two apart. */
import { formatDuration, list, percent } from "../../core/format.ts";
import type { Evidence } from "../../core/records.ts";
import { findSeries } from "../case-view.ts";
import { NO_SHIFT, type Shift, shiftsAt } from "../shift.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "call-graph";
/** A shift counts in full from here; below `WEAK` it is noise. */
const FULL = 12;
const WEAK = 1.5;
const MAX_SCORE = 2;

/** In [0, 2]. */
const strength = (s: Shift): number =>
  s.score < WEAK ? 0 : (MAX_SCORE * Math.log1p(Math.min(s.score, FULL))) / Math.log1p(FULL);
const clamp = (v: number): number => Math.max(0, Math.min(1, v));
const rise = (s: Shift): number => (s.score >= WEAK && s.after > s.before ? s.after - s.before : 0);
const orZero = (v: number): number => (Number.isFinite(v) ? v : 0);

export const callGraph: Ranker = {
  name: NAME,
  clock: "windows",
  rank(view, { index: onset }) {
    const shifts = shiftsAt(view, onset);
    const shift = (entity: string, metric: string, peer: string | null = null): Shift => {
      const i = findSeries(view, entity, metric, peer);
      return i === undefined ? NO_SHIFT : shifts.get(i);
    };
    const board = new Map<string, { score: number; for: Evidence[]; against: Evidence[] }>();
    const say = (entity: string, score: number, text: string, series: string) => {
      const r = board.get(entity) ?? { score: 0, for: [], against: [] };
      r.score += score;
      const evidence = { ranker: NAME, score, text, series };
      if (score > 0) r.for.push(evidence);
      else r.against.push(evidence);
      board.set(entity, r);
    };
    const callees = new Map<string, string[]>();
    for (const e of view.edges)
      if (e.caller !== e.callee) callees.set(e.caller, [...(callees.get(e.caller) ?? []), e.callee]);

    const lateMs = new Map<string, number>();
    for (const { name } of view.entities) lateMs.set(name, late(name));
    for (const { name } of view.entities) {
      latency(name);
      errors(name);
    }
    const edgeCredit = new Map<string, { score: number; text: string; series: string }[]>();
    for (const e of view.edges) if (e.caller !== e.callee) edge(e.caller, e.callee);
    for (const [callee, credits] of edgeCredit) {
      // The mean over callers: a callee that is slow for one of many is less to blame than the way between them.
      const best = credits.sort((a, b) => b.score - a.score || (a.series < b.series ? -1 : 1))[0]!;
      const incoming = view.edges.filter((e) => e.callee === callee && e.caller !== callee).length;
      const mean = credits.reduce((sum, c) => sum + c.score, 0) / Math.max(1, incoming);
      say(callee, (best.score + mean) / 2, best.text, best.series);
    }
    const results: RankerResult[] = [...board].map(([entity, r]) => ({ entity, ...r }));
    return spoken(results);

    function latency(name: string) {
      const total = shift(name, "spans.server.duration");
      const self = shift(name, "spans.self_time");
      const up = rise(total);
      const ownLate = lateMs.get(name) as number;
      const own = rise(self) + ownLate;
      if (ownLate > 0) {
        const whom = list([...new Set(callees.get(name))].sort());
        const text = `it is late in its calls to ${whom}, which answer no slower than before`;
        say(name, strength(total) * (0.3 + 0.7 * clamp(own / up)), text, `${name}/spans.server.duration`);
      } else if (own > 0 && strength(self) > 0) {
        const share = up > 0 ? clamp(own / up) : 1;
        const text = `its own work takes ${formatDuration(self.after)} instead of ${formatDuration(self.before)}`;
        say(name, strength(self) * (0.3 + 0.7 * share), text, `${name}/spans.self_time`);
      }
      if (up === 0 || (callees.get(name)?.length ?? 0) === 0) return;
      const hasSelf = findSeries(view, name, "spans.self_time") !== undefined;
      const others = hasSelf ? clamp(1 - (orZero(self.after - self.before) + ownLate) / up) : waited(name, up);
      if (others < 0.5) return;
      const text = `${percent(others)} of its extra time is spent waiting for others`;
      say(name, -strength(total) * others * 0.75, text, `${name}/spans.server.duration`);
    }
    /**
     * Extra time of its calls, ms a request, that the callees do not report, if that is so for most of them or the
     * caller's CPU is taken: then the caller is late in sending and reading, and not each callee or the way to it.
     * 0 otherwise: of a single callee that hangs only its callers' waiting tells.
     */
    function late(name: string): number {
      let [ms, unexplained] = [0, 0];
      const called = new Set(callees.get(name));
      for (const callee of called) {
        const slow = shift(name, "spans.client.duration", callee);
        const unreported = rise(slow) - rise(shift(callee, "spans.server.duration"));
        if (strength(slow) === 0 || unreported < 0.5 * rise(slow)) continue;
        unexplained += 1;
        ms += unreported * ratio(name, callee);
      }
      const most = unexplained >= 2 && 2 * unexplained > called.size;
      return most || (unexplained > 0 && saturated(name)) ? ms : 0;
    }
    function saturated(name: string): boolean {
      return view.series.some((s, i) => {
        const cpu = s.entity === name && s.family === "cpu" ? shifts.get(i) : undefined;
        return cpu !== undefined && cpu.score >= FULL && cpu.after > cpu.before;
      });
    }
    /** Share of the extra time that its calls explain. */
    function waited(name: string, up: number): number {
      let sum = 0;
      for (const callee of callees.get(name) ?? [])
        sum += rise(shift(name, "spans.client.duration", callee)) * ratio(name, callee);
      return clamp(sum / up);
    }
    /** Calls to the callee for each request served. */
    function ratio(name: string, callee: string): number {
      const calls = shift(name, "spans.client.rate", callee).before;
      const served = shift(name, "spans.server.rate").before;
      return calls > 0 && served > 0 ? Math.min(20, calls / served) : 1;
    }
    function errors(name: string) {
      const total = shift(name, "spans.server.error_ratio");
      const up = rise(total);
      if (up === 0) return;
      let passed = 0;
      let from = "";
      for (const callee of callees.get(name) ?? []) {
        const share = rise(shift(name, "spans.client.error_ratio", callee)) * ratio(name, callee);
        if (share > passed) [passed, from] = [share, callee];
      }
      const others = clamp(passed / up);
      const series = `${name}/spans.server.error_ratio`;
      const text = `${percent(total.after)} of its requests fail instead of ${percent(total.before)}`;
      if (others < 0.9) say(name, strength(total) * (1 - others), text, series);
      if (others >= 0.5) say(name, -strength(total) * others * 0.75, `its errors come from ${from}`, series);
    }
    /** What a call takes or loses beyond what the callee itself reports is the callee's, or the way to it. */
    function edge(caller: string, callee: string) {
      const slow = shift(caller, "spans.client.duration", callee);
      const failing = shift(caller, "spans.client.error_ratio", callee);
      const credit = (score: number, text: string, metric: string) => {
        if (score <= 0.05) return;
        const list = edgeCredit.get(callee) ?? [];
        edgeCredit.set(callee, list);
        list.push({ score, text, series: `${caller}/${metric}{peer=${callee}}` });
      };
      if (rise(slow) > 0 && lateMs.get(caller) === 0) {
        const gap = clamp(1 - rise(shift(callee, "spans.server.duration")) / rise(slow));
        const text = `${caller} waits ${formatDuration(slow.after)} for it instead of ${formatDuration(slow.before)}`;
        credit(
          strength(slow) * (0.25 + 0.75 * gap) * (gap < 0.2 && passesOn(callee) ? 0 : 1),
          text,
          "spans.client.duration",
        );
      }
      if (rise(failing) > 0) {
        const reported = shift(callee, "spans.server.error_ratio");
        const gap = clamp(1 - rise(reported) / rise(failing));
        const text = `${percent(failing.after)} of the calls of ${caller} to it fail instead of ${percent(failing.before)}`;
        credit(strength(failing) * gap, text, "spans.client.error_ratio");
      }
    }
    function passesOn(name: string): boolean {
      const up = rise(shift(name, "spans.server.duration"));
      return up > 0 && lateMs.get(name) === 0 && waited(name, up) >= 0.5;
    }
  },
};
