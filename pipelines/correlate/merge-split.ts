/** Incidents that turn out to be one, and one that turns out to be two, by itself or because people say so. */
import type { Anomaly } from "../core/records.ts";
import { isSelf } from "../core/self.ts";
import * as by from "./decisions.ts";
import { benign } from "./evidence.ts";
import { active, type Held, type IncidentBook, MOST_OPENERS } from "./incident-book.ts";
import { absorb, openIncident } from "./incident-state.ts";
import { type StrangerOptions, stranger } from "./strangers.ts";

/** With more open ones nobody looks for pairs: then the digest is at work. */
const MERGE_MOST = 50;

export interface MergeSplitOptions extends StrangerOptions {
  readonly book: IncidentBook;
  readonly system: string;
  readonly joinMs: number;
  readonly nowMs: () => number;
  /** Nobody calls it. */
  readonly isEntry: (entity: string) => boolean;
  /** Known to hang together, by calls or by what was learned. */
  readonly close: (a: string, b: string) => boolean;
}

export type MergeSplit = ReturnType<typeof mergeSplit>;

export function mergeSplit(options: MergeSplitOptions) {
  const { book, system, joinMs, nowMs, isEntry, close } = options;
  function merge(from: Held, into: Held, timeMs: number, who: string) {
    const moved = from.incident.anomalies;
    const over = from.incident.state === "resolved";
    book.change(
      from.incident.id,
      by.mergedInto(from.incident, into.incident.id, timeMs, who),
      over ? "updated" : "resolved",
    );
    book.disown(moved);
    const before = into.incident.anomalies;
    book.change(into.incident.id, by.takingIn(absorb(into.incident, moved, isEntry), from.incident, timeMs, who));
    book.own(into, before);
    into.openers = [...new Set([...into.openers, ...from.openers])].slice(-MOST_OPENERS);
    if (who !== "") into.joined = true;
    if (into.incident.state !== "resolved") into.lastActiveMs = Math.max(into.lastActiveMs, from.lastActiveMs);
  }

  /** Takes some anomalies out of an incident, to one of their own; undefined where that can't be. */
  function divide(h: Held, out: readonly Anomaly[], timeMs: number, who: string): Held | undefined {
    if (out.length === 0 || out.length === h.incident.anomalies.length) return undefined;
    const origin = `|${h.incident.id}|${nowMs()}`;
    const fresh = openIncident(system, out, Math.max(nowMs(), h.incident.times.detectedMs), isEntry, origin);
    if (book.has(fresh.id)) return undefined;
    book.disown(out);
    book.change(h.incident.id, by.without(h.incident, out, fresh.id, timeMs, who));
    const ids = new Set(out.map((a) => a.id));
    const part: Held = { incident: fresh, openers: h.openers.filter((id) => ids.has(id)), lastActiveMs: nowMs() };
    h.openers = h.openers.filter((id) => !ids.has(id));
    h.apart = [...(h.apart ?? []), fresh.id];
    part.apart = [h.incident.id];
    book.put(part);
    book.change(fresh.id, by.splitOff(fresh, h.incident.id, timeMs, who), "opened");
    book.own(part);
    return part;
  }

  return {
    merge,
    /** Takes the anomalies of some entities out of an incident. */
    split(h: Held, entities: readonly string[], timeMs: number, who: string): void {
      divide(
        h,
        h.incident.anomalies.filter((a) => entities.includes(a.entity)),
        timeMs,
        who,
      );
    },
    /** Two that turn out to be one: what is learned after they opened links them. The younger goes into the older. */
    mergeConnected(): void {
      const open = book.open();
      if (open.length < 2 || open.length > MERGE_MOST) return;
      for (const [i, young] of open.entries()) {
        const entities = [
          ...new Set(
            active(young)
              .filter((a) => !benign(a))
              .map((a) => a.entity),
          ),
        ];
        const old = open
          .slice(0, i)
          .find(
            (o) =>
              o.incident.state !== "resolved" &&
              !o.apart?.includes(young.incident.id) &&
              young.incident.times.detectedMs - o.incident.times.detectedMs <= joinMs &&
              active(o).some(
                (a) => !benign(a) && entities.some((e) => isSelf(e) === isSelf(a.entity) && close(a.entity, e)),
              ),
          );
        if (old) merge(young, old, nowMs(), "");
      }
    },
    /**
     * One that turns out to be two: what joined when nobody knew who calls whom has nothing to do with what opened it,
     * began at another time, and would be an incident by itself.
     */
    separate(): void {
      for (const h of book.open()) {
        const out = h.joined ? undefined : stranger(h, options);
        if (!out) {
          if (h.strangeMs !== undefined) book.touch(h.incident.id);
          delete h.strangeMs;
          continue;
        }
        if (h.strangeMs === undefined) book.touch(h.incident.id);
        h.strangeMs ??= nowMs();
        if (nowMs() - h.strangeMs < options.apartMs) continue;
        const part = divide(h, out, nowMs(), "");
        if (!part) continue;
        delete h.strangeMs;
        const signs = active(part).filter((a) => !benign(a));
        part.openers = signs.map((a) => a.id).slice(-MOST_OPENERS);
        part.fresh = true;
      }
    },
  };
}
