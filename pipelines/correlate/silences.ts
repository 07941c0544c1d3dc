/** What shall page nobody for a while, and which anomalies that is about. */
import { RE2JS } from "re2js";
import { PipelineError } from "../core/errors.ts";
import type { Matcher, Silence } from "../core/incident-decisions.ts";
import type { Anomaly } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

/** At once; beyond it those that end first go. */
const LIMIT = 1000;
const PATTERN_CHARS = 1000;

export interface Silences extends Stateful {
  /** False where a matcher can't be understood: whoever made it checks before. */
  put(silence: Silence): boolean;
  /** Ends one before its time; undefined where there is none. */
  end(id: string, timeMs: number, by: string): Silence | undefined;
  /** The one of this mode that covers an anomaly at `nowMs` the longest. */
  covering(anomaly: Anomaly, nowMs: number, mode: Silence["mode"]): Silence | undefined;
  forget(nowMs: number): void;
  readonly size: number;
}

/** What a matcher asks of an anomaly. @throws PipelineError CONFIG_INVALID for a pattern that is none */
export function matcherTest({ field, op, value }: Matcher): (a: Anomaly) => boolean {
  const of = (a: Anomaly): string => {
    if (field === "kind") return a.entityKind;
    if (field === "metric") return a.series.split("{", 1)[0] as string;
    return a[field];
  };
  if (op === "=" || op === "!=") return (a) => (of(a) === value) === (op === "=");
  try {
    if (value.length > PATTERN_CHARS) throw new Error(`longer than ${PATTERN_CHARS} characters`);
    const pattern = RE2JS.compile(value);
    return (a) => pattern.matches(of(a)) === (op === "=~");
  } catch (cause) {
    throw new PipelineError("CONFIG_INVALID", `matcher ${field}${op}${value.slice(0, 100)}`, {
      detail: (cause as Error).message,
      hint: "write it in RE2 syntax: no back references, no look-around",
      cause,
    });
  }
}

/** Event time decides; memory: at most 1,000. */
export function silences(): Silences {
  const held = new Map<string, { silence: Silence; tests: ((a: Anomaly) => boolean)[] }>();
  let dirty = false;
  const add = (silence: Silence) => held.set(silence.id, { silence, tests: silence.matchers.map(matcherTest) });
  return {
    put(silence) {
      try {
        add(silence);
      } catch {
        return false;
      }
      dirty = true;
      const [first] = [...held.values()].sort((a, b) => a.silence.endsMs - b.silence.endsMs);
      if (held.size > LIMIT) held.delete((first as { silence: Silence }).silence.id);
      return true;
    },
    end(id, timeMs, by) {
      const known = held.get(id);
      if (!known) return undefined;
      held.delete(id);
      dirty = true;
      return { ...known.silence, endsMs: Math.max(known.silence.startsMs, timeMs), endedBy: by };
    },
    covering(anomaly, nowMs, mode) {
      let best: Silence | undefined;
      for (const { silence, tests } of held.values())
        if (
          silence.mode === mode &&
          nowMs >= silence.startsMs &&
          nowMs < silence.endsMs &&
          (best === undefined || silence.endsMs > best.endsMs) &&
          tests.every((t) => t(anomaly))
        )
          best = silence;
      return best;
    },
    forget(nowMs) {
      for (const [id, { silence }] of held)
        if (silence.endsMs <= nowMs) {
          held.delete(id);
          dirty = true;
        }
    },
    get size() {
      return held.size;
    },
    snapshot(put, full) {
      if (dirty || full) put("all", toChunk([...held.values()].map((h) => h.silence)));
      dirty = false;
    },
    restore(chunks) {
      const bytes = chunks.get("all");
      if (bytes) for (const silence of fromChunk<Silence[]>(bytes)) add(silence);
    },
  };
}
