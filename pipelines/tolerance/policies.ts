/** How calls that leave this process may fail: one list of named policies, built from cockatiel. docs/resilience.md */
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type IPolicy,
  noop,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from "cockatiel";
import { type ErrorCode, PipelineError } from "../core/errors.ts";
import { orAborted } from "./or-aborted.ts";

export interface PolicySettings {
  /** What it is for, one sentence. */
  readonly use: string;
  /** Of one try, ms; the caller may give another. */
  readonly timeoutMs: number;
  /** Tries after the first. Only errors that say `retriable` are tried again. */
  readonly retries: number;
  /** Failures in a row that open the circuit of a destination; 0: none. */
  readonly breakAfter: number;
  /** Until an open circuit lets one call through to see, ms. */
  readonly halfOpenMs: number;
  /** Calls to one destination at a time, and how many may wait for their turn. */
  readonly atOnce: number;
  readonly waiting: number;
}

/** Waits between tries: decorrelated jitter from 50 ms on, at most 2 s. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2000;

export const POLICIES = {
  page: {
    use: "a notification to its receiver; the outbox tries again for hours",
    ...{ timeoutMs: 10_000, retries: 2, breakAfter: 5, halfOpenMs: 10_000, atOnce: 4, waiting: 16 },
  },
  read: {
    use: "a question to a supervisor or a running pipeline",
    ...{ timeoutMs: 3000, retries: 2, breakAfter: 6, halfOpenMs: 10_000, atOnce: 8, waiting: 64 },
  },
  act: {
    use: "the effect of a repair: never twice by itself, one at a time",
    ...{ timeoutMs: 30_000, retries: 0, breakAfter: 6, halfOpenMs: 10_000, atOnce: 1, waiting: 8 },
  },
  probe: {
    use: "a health check: each look is a look, so neither retry nor circuit",
    ...{ timeoutMs: 2000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 8, waiting: 64 },
  },
  token: {
    use: "an access token for Kafka",
    ...{ timeoutMs: 10_000, retries: 2, breakAfter: 5, halfOpenMs: 5000, atOnce: 1, waiting: 16 },
  },
  admin: {
    use: "topics and offsets of a Kafka cluster; kafkajs tries again inside it",
    ...{ timeoutMs: 60_000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 4, waiting: 64 },
  },
  produce: {
    use: "records to Kafka outside a transaction; kafkajs tries again inside it, idempotent",
    ...{ timeoutMs: 120_000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 64, waiting: 10_000 },
  },
  ship: {
    use: "the host agent's collections; it keeps them and tries again for as long as it takes",
    ...{ timeoutMs: 5000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 2, waiting: 8 },
  },
  ask: {
    use: "a decision or a page of records, from a command to the running pipeline",
    ...{ timeoutMs: 60_000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 8, waiting: 64 },
  },
  store: {
    use: "a reading transaction of the operational store",
    ...{ timeoutMs: 60_000, retries: 2, breakAfter: 0, halfOpenMs: 0, atOnce: 16, waiting: 1000 },
  },
  commit: {
    use: "a writing transaction of the operational store: whether a lost one went in is unknown, so never twice",
    ...{ timeoutMs: 120_000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 16, waiting: 1000 },
  },
  start: {
    use: "a helper process of ours",
    ...{ timeoutMs: 120_000, retries: 0, breakAfter: 0, halfOpenMs: 0, atOnce: 2, waiting: 8 },
  },
} as const satisfies Record<string, PolicySettings>;

export type PolicyName = keyof typeof POLICIES;

export interface CallOptions {
  readonly policy: PolicyName;
  /** What shares a circuit and a bulkhead: `https://host:port`, a target's name. */
  readonly destination: string;
  /** Of the error that is thrown where the policy itself gives up. */
  readonly code: ErrorCode;
  readonly timeoutMs?: number;
  /** Ends the call, waits between tries included. */
  readonly signal?: AbortSignal;
}

/** The call was not made: its circuit is open, or too many wait for it. */
export class NotCalledError extends PipelineError {
  override readonly name = "NotCalledError";
}

const retriable = (error: Error): boolean => error instanceof PipelineError && error.retriable;

/** Least recently used go first: destinations come from the config, but a test or a plug-in may make many. */
const MAX_DESTINATIONS = 1000;

export type CircuitName = "closed" | "open" | "halfOpen";
const CIRCUIT_NAMES: Readonly<Record<CircuitState, CircuitName>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "halfOpen",
  // Nobody isolates one by hand.
  [CircuitState.Isolated]: "open",
};

/** Circuits and bulkheads of one process. */
export interface Calls {
  /**
   * Runs `work` under the policy: bulkhead, then retry with jitter, circuit breaker and timeout around each try.
   * @throws what `work` throws; PipelineError `code`, retriable, for a timeout; NotCalledError for an open circuit or a
   * full bulkhead
   */
  call<T>(options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Of each destination with a circuit breaker, where that stands. */
  circuits(): { readonly policy: PolicyName; readonly destination: string; readonly state: CircuitName }[];
}

/** `policies` may be others in tests. */
export function calls(policies: Readonly<Record<PolicyName, PolicySettings>> = POLICIES): Calls {
  interface Shared {
    readonly gate: IPolicy;
    readonly circuit: IPolicy;
    readonly state: () => CircuitName | undefined;
  }
  const shared = new Map<string, Shared>();
  const of = ({ policy, destination }: CallOptions): Shared => {
    const key = `${policy} ${destination}`;
    let known = shared.get(key);
    if (known) shared.delete(key);
    else {
      const { breakAfter, halfOpenMs, atOnce, waiting } = policies[policy];
      const breaker =
        breakAfter > 0
          ? circuitBreaker(handleWhen(retriable), {
              halfOpenAfter: halfOpenMs,
              breaker: new ConsecutiveBreaker(breakAfter),
            })
          : undefined;
      known = {
        gate: bulkhead(atOnce, waiting),
        circuit: breaker ?? noop,
        state: () => breaker && CIRCUIT_NAMES[breaker.state],
      };
    }
    shared.set(key, known);
    for (const oldest of shared.keys()) {
      if (shared.size <= MAX_DESTINATIONS) break;
      shared.delete(oldest);
    }
    return known;
  };
  return {
    async call(options, work) {
      const { policy, destination, code, signal } = options;
      const { timeoutMs: usual, retries } = policies[policy];
      const timeoutMs = options.timeoutMs ?? usual;
      const gaveUp = (detail: string, cause: unknown) =>
        new PipelineError(code, destination, { detail, retriable: true, cause });
      const { gate, circuit } = of(options);
      // Aggressive: a callee that does not look at its signal must not hold the call either.
      const limited = timeout(timeoutMs, TimeoutStrategy.Aggressive);
      let last: unknown;
      const oneTry = async ({ signal }: { signal: AbortSignal }) => {
        try {
          return await limited.execute((context) => work(context.signal), signal);
        } catch (error) {
          last = error;
          // As an error of the call, so that retry and circuit count it.
          if (error instanceof TaskCancelledError && !signal.aborted)
            last = gaveUp(`no answer within ${timeoutMs} ms`, error);
          throw last;
        }
      };
      const again = retry(handleWhen(retriable), {
        maxAttempts: retries,
        backoff: new ExponentialBackoff({ initialDelay: FIRST_WAIT_MS, maxDelay: LONGEST_WAIT_MS }),
      });
      try {
        return await orAborted(wrap(gate, ...(retries > 0 ? [again] : []), circuit).execute(oneTry, signal), signal);
      } catch (error) {
        const notCalled = (detail: string) =>
          new NotCalledError(code, destination, { detail: `not called: ${detail}`, retriable: true, cause: error });
        // It opened between two tries: one did go out.
        if (error instanceof BrokenCircuitError && last !== undefined) throw last;
        if (error instanceof BrokenCircuitError) throw notCalled("it has failed too often in a row");
        if (error instanceof BulkheadRejectedError) throw notCalled("too many calls wait for it");
        if (error instanceof TaskCancelledError || (signal?.aborted && !(error instanceof PipelineError)))
          throw gaveUp("told to stop", error);
        throw error;
      }
    },
    circuits: () =>
      [...shared].flatMap(([key, s]) => {
        const [policy, ...destination] = key.split(" ") as [PolicyName, ...string[]];
        const state = s.state();
        return state === undefined ? [] : [{ policy, destination: destination.join(" "), state }];
      }),
  };
}

const ours = calls();

/** As `Calls.call`, with the circuits and bulkheads that all of this process share. */
export const call = ours.call;
/** The circuits of this process. */
export const circuits = ours.circuits;
