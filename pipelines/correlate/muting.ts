/** Which incidents page nobody: those of which all that tells is covered. */
import type { Anomaly } from "../core/records.ts";
import * as by from "./decisions.ts";
import { benign } from "./evidence.ts";
import { active, type IncidentBook } from "./incident-book.ts";
import type { Silences } from "./silences.ts";
import type { Cover } from "./types.ts";

export interface MutingOptions {
  readonly book: IncidentBook;
  readonly quiet: Silences;
  /** A calendar or a suppression. */
  readonly covered: ((anomaly: Anomaly, nowMs: number) => Cover | undefined) | undefined;
}

/** Sets the mark, and takes it away when the cover ends before the incident does. */
export function muteCovered({ book, quiet, covered }: MutingOptions, nowMs: number): void {
  const coverOf = (a: Anomaly): Cover | undefined => {
    const silence = quiet.covering(a, nowMs, "mute");
    if (!silence) return covered?.(a, nowMs);
    return { id: silence.id, untilMs: silence.endsMs, text: by.said("silenced", silence.by, silence.comment) };
  };
  for (const h of book.ordered()) {
    if (h.incident.state === "resolved" || (quiet.size === 0 && !covered && !h.incident.muted)) continue;
    const telling = active(h).filter((a) => !benign(a));
    let shortest: Cover | undefined;
    for (const a of telling.length > 0 ? telling : h.incident.anomalies) {
      const cover = coverOf(a);
      if (!cover) {
        shortest = undefined;
        break;
      }
      if (!shortest || cover.untilMs < shortest.untilMs) shortest = cover;
    }
    book.change(h.incident.id, by.muted(h.incident, shortest, nowMs));
  }
}
