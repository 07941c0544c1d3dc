import { ExponentialBackoff } from "cockatiel";

/**
 * Waits for a loop that must go on for as long as it takes: decorrelated jitter, from `firstMs` to `longestMs`. `next`
 * after a failure, `reset` after a success.
 */
export function backoff({ firstMs = 500, longestMs = 30_000 }: { firstMs?: number; longestMs?: number } = {}) {
  const factory = new ExponentialBackoff<unknown>({ initialDelay: firstMs, maxDelay: longestMs });
  let current: ReturnType<typeof factory.next> | undefined;
  return {
    /** Ms to wait before the next try. */
    next(): number {
      current = current ? current.next(undefined) : factory.next();
      return current.duration;
    },
    reset(): void {
      current = undefined;
    },
  };
}
