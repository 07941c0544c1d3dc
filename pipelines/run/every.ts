/** Looks whether a checkpoint is due. */
export const CHECKPOINT_CHECK_MS = 10_000;

/** Runs `work` every so often, never twice at once, until what it gives is called; that waits for one under way. */
export function everyWhile(ms: number, work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= work()
      .catch(() => undefined)
      .finally(() => {
        running = undefined;
      });
  }, ms);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
