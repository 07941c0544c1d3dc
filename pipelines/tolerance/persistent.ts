import { ExponentialBackoff, handleWhen, retry } from "cockatiel";
import { orAborted } from "./or-aborted.ts";

export interface PersistentOptions {
  /** Waits: decorrelated jitter between these, ms. */
  readonly firstMs?: number;
  readonly longestMs?: number;
  /** What is worth another try; else it rejects. */
  readonly when: (error: Error) => boolean;
  /** Before each wait. */
  readonly onFailure?: (error: Error) => void;
}

/** Tries for as long as it takes, or until the signal ends it; a wait does not keep the process alive. */
export function persistent({ firstMs = 250, longestMs = 30_000, when, onFailure }: PersistentOptions) {
  const policy = retry(handleWhen(when), {
    maxAttempts: Number.POSITIVE_INFINITY,
    backoff: new ExponentialBackoff({ initialDelay: firstMs, maxDelay: longestMs }),
  }).dangerouslyUnref();
  policy.onRetry((reason) => {
    if ("error" in reason) onFailure?.(reason.error);
  });
  return <T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> =>
    orAborted(
      policy.execute((context) => work(context.signal), signal),
      signal,
    );
}
