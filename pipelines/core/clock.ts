/** Milliseconds since the Unix epoch, UTC. Passed in wherever time is needed; stages never see one. */
export interface Clock {
  nowMs(): number;
}

/** The machine's clock: the one place that reads it. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** A clock turned by hand, for tests and replay. */
export function manualClock(startMs = 0): Clock & { advance(ms: number): void; set(ms: number): void } {
  let now = startMs;
  return {
    nowMs: () => now,
    advance: (ms) => {
      now += ms;
    },
    set: (ms) => {
      now = ms;
    },
  };
}
