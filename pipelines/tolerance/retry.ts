import { ExponentialBackoff, handleWhen, retry as policy, TaskCancelledError } from "cockatiel";
import { orAborted } from "./or-aborted.ts";
import { timeLimit } from "./time-limit.ts";

export interface RetryOptions {
  /** In all, the first included. */
  readonly tries?: number;
  /** Waits: decorrelated jitter between these, ms. */
  readonly firstWaitMs?: number;
  readonly longestWaitMs?: number;
  /** Of one try, ms; without it a try may take for ever. */
  readonly timeoutMs?: number;
  /** What is worth another try. By default everything but what the signal ended. */
  readonly when?: (error: Error) => boolean;
  readonly signal?: AbortSignal;
}

/** A try took longer than `timeoutMs`. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Runs `work` until it succeeds. `work` must bear to be repeated: a try that timed out may still be under way, and one
 * that failed may have done its part. @throws the last error; RangeError for `tries` below 1
 */
export async function retry<T>(work: (signal: AbortSignal) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { tries = 3, firstWaitMs = 100, longestWaitMs = 10_000, timeoutMs, when = () => true, signal } = options;
  if (!(tries >= 1)) throw new RangeError(`retry: tries is ${tries}; at least 1`);
  const limit = timeoutMs === undefined ? undefined : timeLimit(timeoutMs);
  const oneTry = async (signal: AbortSignal) => {
    try {
      return await (limit ? limit.execute((context) => work(context.signal), signal) : work(signal));
    } catch (error) {
      if (error instanceof TaskCancelledError && !signal.aborted)
        throw new TimeoutError(`no answer within ${timeoutMs} ms`, { cause: error });
      throw error;
    }
  };
  const again = policy(
    handleWhen((error) => !signal?.aborted && when(error)),
    {
      maxAttempts: tries - 1,
      backoff: new ExponentialBackoff({ initialDelay: firstWaitMs, maxDelay: longestWaitMs }),
    },
  );
  return orAborted(
    again.execute((context) => oneTry(context.signal), signal),
    signal,
  );
}
