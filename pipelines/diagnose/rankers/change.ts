/** What broke often follows a change: deploys, configurations, restarts shortly before the onset. */
import type { ChangeEvent, Evidence } from "../../core/records.ts";
import { timeAt } from "../case-view.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "change";
const SCORE: Readonly<Record<ChangeEvent["kind"], number>> = { deploy: 1.5, config: 1.2, restart: 0.8, scale: 0.5 };
const BEFORE_MS = 60_000;
/** The onset is only known to a window or two. */
const AFTER_WINDOWS = 2;

/** Seconds between two moments, for people. */
const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))} s`;

export const change: Ranker = {
  name: NAME,
  clock: "windows",
  rank(view, { index: onset }) {
    const onsetMs = timeAt(view, onset);
    const best = new Map<string, Evidence>();
    for (const c of view.changes) {
      const ageMs = onsetMs - c.timeMs;
      if (ageMs > BEFORE_MS || ageMs < -AFTER_WINDOWS * view.stepMs) continue;
      const score = SCORE[c.kind] * (1 - 0.5 * Math.max(0, ageMs / BEFORE_MS));
      const text = `${c.kind}${c.detail === "" ? "" : ` (${c.detail})`} ${seconds(ageMs)} before it began`;
      if (score > (best.get(c.entity)?.score ?? 0)) best.set(c.entity, { ranker: NAME, score, text });
    }
    const results: RankerResult[] = [...best].map(([entity, e]) => ({ entity, score: e.score, for: [e], against: [] }));
    return spoken(results);
  },
};
