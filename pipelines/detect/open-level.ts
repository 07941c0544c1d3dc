/** The evidence that opens an anomaly, so that few open without a fault, however noisy the series are, and enough to learn from. */
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

const WEEK_MS = 7 * 86_400_000;
/** Levels tried, in evidence. */
const FIRST = 3.25;
const STEP = 0.25;
const LEVELS = 56;
/**
 * Highest level. Evidence ends at 15: were the level there, because of few series that get so far every day, no fault
 * anywhere could open an anomaly. What chance such series leave to the others is for incidents to weigh.
 */
const TOP = 12;
/** Windows between two looks. */
const LOOK = 32;
/** What is remembered, weeks: as long as brings so many anomalies, within these bounds. Cold detectors are wrong about the tail. */
const REMEMBERED = 100;
const MEMORY_WEEKS = [1, 4] as const;
/** Rises and anomalies that a first guess of one each is worth. */
const DOUBT = 5;
/** Before it lowers the level it wants to have seen a whole day; before it raises it, so much that one fault is not all. */
const PATIENCE_MS = 86_400_000;
const RAISE_MS = 6 * 3_600_000;
/** What is odd on many series at once is a fault and says little of noise: one window adds so much, or so many times the usual. */
const AT_ONCE = 2;

/**
 * Counts how often a series' evidence rises through each level, and finds the lowest level that all series together
 * reach at most `perWeek` times a week; starts at `start`, rises after hours where the counts prove it too low, falls after
 * a day. Event time only. O(levels) a window in which something is odd.
 */
export function openLevel({ start, perWeek }: { start: number; perWeek: number }) {
  const seen = new Float64Array(LEVELS + 1);
  const now = new Float64Array(LEVELS + 1);
  let windows = 0;
  let weeks = 0;
  let level = start;
  let busy = false;
  /** At the level of the time: anomalies, and rises through it; an excursion may rise through a level several times. */
  let opened = 0;
  let risen = 0;
  const most = Math.min(MEMORY_WEEKS[1], Math.max(MEMORY_WEEKS[0], REMEMBERED / perWeek));
  const binOf = (evidence: number) => Math.min(LEVELS, Math.max(0, Math.floor((evidence - FIRST) / STEP) + 1));

  const look = () => {
    if (weeks * WEEK_MS < RAISE_MS) return;
    const enough = perWeek * weeks * Math.max(1, (risen + DOUBT) / (opened + DOUBT));
    const levelOf = (b: number) => FIRST + b * STEP;
    for (let b = 0; b < LEVELS; b++) {
      const n = seen[b]!;
      const sure = n - 2 * Math.sqrt(n) - 1 <= enough;
      const surely = n + 2 * Math.sqrt(n + 1) + 1 <= enough;
      // Above the start doubt speaks for the level, below it against.
      if (levelOf(b) >= start ? sure : weeks * WEEK_MS >= PATIENCE_MS && surely) {
        level = Math.min(TOP, levelOf(b));
        return;
      }
    }
    level = TOP;
  };

  return {
    get level() {
      return level;
    },
    /** Evidence of a series went up. */
    rise(before: number, after: number): void {
      if (!(after >= FIRST && after > before)) return;
      busy = true;
      if (before < level && after >= level) risen += 1;
      // differences: summed from the right they are the crossings of each level
      const [from, to] = [binOf(before), binOf(after)];
      if (from === to) return;
      now[to]! += 1;
      now[from]! -= 1;
    },
    /** An anomaly opened. */
    open(): void {
      opened += 1;
    },
    pass(windowMs: number): void {
      windows += 1;
      weeks += windowMs / WEEK_MS;
      if (busy) {
        let crossings = 0;
        for (let b = LEVELS; b > 0; b--) {
          crossings += now[b]!;
          seen[b - 1]! += Math.min(crossings, AT_ONCE * (1 + seen[b - 1]! / windows));
        }
        now.fill(0);
        busy = false;
      }
      if (windows % LOOK !== 0) return;
      if (weeks > most) {
        const fade = most / weeks;
        for (let b = 0; b < LEVELS; b++) seen[b]! *= fade;
        windows = LOOK * Math.round((windows * fade) / LOOK);
        weeks = most;
        opened *= fade;
        risen *= fade;
      }
      look();
    },
    snapshot(put) {
      put("level", toChunk({ seen: [...seen], windows, weeks, level, opened, risen }));
    },
    restore(chunks) {
      const bytes = chunks.get("level");
      if (!bytes) return;
      type Saved = { seen: number[]; windows: number; weeks: number; level: number; opened: number; risen: number };
      const saved = fromChunk<Saved>(bytes);
      seen.set(saved.seen);
      ({ windows, weeks, level, opened, risen } = saved);
    },
  } satisfies Stateful & Record<string, unknown>;
}
