/** What people decide, as it comes down the log with the data: on incidents at hand, and on long past ones. */
import type { LabelRecord, Silence } from "../core/incident-decisions.ts";
import type { Control, Incident } from "../core/records.ts";
import * as by from "./decisions.ts";
import type { Held, IncidentBook } from "./incident-book.ts";
import { acknowledge, reopen } from "./incident-state.ts";
import type { MergeSplit } from "./merge-split.ts";
import type { Silences } from "./silences.ts";

export interface ControlOptions {
  readonly book: IncidentBook;
  readonly joint: MergeSplit;
  readonly quiet: Silences;
  readonly system: string;
  readonly reopenMs: number;
  /** Somebody has said what a resolved incident was. */
  readonly judged: (before: Incident, after: Incident) => void;
}

/** The silence that it made or ended, if any. */
export function control(options: ControlOptions, c: Control, nowMs: number): Silence | undefined {
  const { book, joint, quiet, system, reopenMs, judged } = options;
  if (c.kind === "silence") return quiet.put(c.silence) ? c.silence : undefined;
  if (c.kind === "unsilence") return quiet.end(c.silenceId, c.timeMs, c.by);
  const about = "incidentId" in c ? c.incidentId : c.kind === "label" ? c.record.incidentId : undefined;
  if (about === undefined) return undefined;
  // What is long over comes with the decision, and stays a while for the next one.
  if (!book.has(about) && "incident" in c && c.incident?.id === about && c.incident.system === system)
    book.put({ incident: c.incident, openers: [], lastActiveMs: c.incident.times.resolvedMs ?? c.timeMs });
  const h = book.get(about);
  if (!h) return undefined;
  if (h.incident.state === "resolved") h.keepUntilMs = Math.max(nowMs, c.timeMs) + reopenMs;
  book.touch(about);
  if (c.kind === "acknowledge") book.change(about, acknowledge(h.incident, c.timeMs, c.by));
  else if (c.kind === "resolve") {
    delete h.byHand;
    book.change(about, by.resolved(h.incident, c.timeMs, c.by, c.note), "resolved");
  } else if (c.kind === "reopen" && h.incident.state === "resolved" && h.incident.mergedInto === undefined) {
    Object.assign(h, { byHand: true, lastActiveMs: Math.max(nowMs, c.timeMs) });
    book.change(about, reopen(h.incident, c.timeMs, by.said("reopened", c.by, c.note)), "reopened");
    book.own(h);
  } else if (c.kind === "label") label(h, c.record);
  else if (c.kind === "merge") {
    const into = book.get(c.into);
    if (into && into !== h && h.incident.mergedInto === undefined && into.incident.mergedInto === undefined)
      joint.merge(h, into, c.timeMs, c.by);
  } else if (c.kind === "split" && h.incident.state !== "resolved") joint.split(h, c.entities, c.timeMs, c.by);
  return undefined;

  /** The last word on what it was: whether it counts against the budget. */
  function label(to: Held, record: LabelRecord) {
    const before = to.incident;
    book.change(before.id, by.labelled(before, record));
    if (to.incident.state === "resolved") judged(before, to.incident);
  }
}
