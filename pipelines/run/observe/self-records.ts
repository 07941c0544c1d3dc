/** The pipeline's own metrics in its own input: what befalls it is found as anything else is. */
import type { Logger } from "pino";
import { SELF_FORMAT } from "../../core/self.ts";
import { componentLog } from "./log.ts";
import type { SelfMetrics } from "./self-metrics.ts";

/**
 * One record each interval, of a fixed set of gauges: what is found in them makes no more of them, so the pipeline does
 * not feed on itself. It goes through the journal or the intake as all else does, so a replay sees the same. One that
 * can't be written is left out and counted; none waits behind another. The function given back ends it.
 */
export function selfRecords(options: {
  readonly metrics: SelfMetrics;
  readonly everyMs: number;
  readonly log: Logger;
  readonly append: (record: { readonly format: string; readonly value: Uint8Array }) => Promise<unknown>;
}): () => void {
  const { metrics, everyMs, append } = options;
  const log = componentLog(options.log, "self");
  let writing = false;
  const timer = setInterval(() => {
    if (writing) return;
    writing = true;
    append({ format: SELF_FORMAT, value: Buffer.from(JSON.stringify(metrics.sample())) })
      .catch((error) => {
        metrics.selfFailed();
        log.warn({ err: error }, "own record not written");
      })
      .finally(() => {
        writing = false;
      });
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
