import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly after?: number;
  /** Until one call is let through to see, ms. */
  readonly halfOpenMs?: number;
  /** What counts as a failure of the other side. */
  readonly when?: (error: Error) => boolean;
}

/** The circuit is open: the call was not made. */
export class CircuitOpenError extends Error {
  override readonly name = "CircuitOpenError";
}

export interface Breaker {
  /** @throws CircuitOpenError; else what `work` throws */
  execute<T>(work: () => Promise<T>): Promise<T>;
  isOpen(): boolean;
}

/** Stops calling what keeps failing, so that it can recover and callers need not wait. One for each thing called. */
export function breaker({ after = 5, halfOpenMs = 10_000, when = () => true }: BreakerOptions = {}): Breaker {
  if (!(after >= 1)) throw new RangeError(`breaker: after is ${after}; at least 1`);
  const policy = circuitBreaker(handleWhen(when), {
    halfOpenAfter: halfOpenMs,
    breaker: new ConsecutiveBreaker(after),
  });
  let open = false;
  policy.onBreak(() => {
    open = true;
  });
  policy.onReset(() => {
    open = false;
  });
  return {
    async execute(work) {
      try {
        return await policy.execute(work);
      } catch (error) {
        if (error instanceof BrokenCircuitError)
          throw new CircuitOpenError(`not called: it failed ${after} times in a row`, { cause: error });
        throw error;
      }
    },
    isOpen: () => open,
  };
}
