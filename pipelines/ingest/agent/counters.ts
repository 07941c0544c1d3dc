interface Counter {
  raw: number;
  base: number;
  startMs: number;
  round: number;
}

/**
 * Turns kernel counters into cumulative ones that never decrease while the agent runs: a counter that falls (a device
 * was reset, a 32-bit counter wrapped) is carried on from where it was. A counter that vanishes is forgotten, and when
 * it comes back it starts anew with a new start time, as OTLP asks.
 */
export class CounterTable {
  readonly #counters = new Map<string, Counter>();
  #round = 0;
  #newStartMs = 0;
  #lastMs: number | undefined;

  /** Opens a round at `nowMs`. Counters that first appear now began after the last round, or at `bootMs` in the first. */
  begin(nowMs: number, bootMs: number): void {
    this.#round += 1;
    this.#newStartMs = this.#lastMs ?? Math.min(bootMs, nowMs);
    this.#lastMs = nowMs;
  }

  /** The counter's value to send and its start, milliseconds since the epoch. */
  read(key: string, raw: number): { value: number; startMs: number } {
    let counter = this.#counters.get(key);
    if (!counter) {
      counter = { raw, base: 0, startMs: this.#newStartMs, round: this.#round };
      this.#counters.set(key, counter);
    }
    if (raw < counter.raw) counter.base += counter.raw;
    counter.raw = raw;
    counter.round = this.#round;
    return { value: counter.base + raw, startMs: counter.startMs };
  }

  /** Closes the round: forgets counters not read in it, which bounds the table by what the host has now. */
  end(): void {
    for (const [key, counter] of this.#counters) if (counter.round !== this.#round) this.#counters.delete(key);
  }
}
