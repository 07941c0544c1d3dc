/** Tells people: the receivers of the config, behind an outbox. */
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { Delivery } from "../core/notifications.ts";
import type { Store } from "../core/store.ts";
import { type Outbox, outbox } from "../report/outbox/outbox.ts";
import { receiversOf } from "../report/outbox/receivers.ts";
import { componentLog } from "./observe/log.ts";
import type { SelfMetrics } from "./observe/self-metrics.ts";

export type { Outbox } from "../report/outbox/outbox.ts";

/** @throws PipelineError CONFIG_INVALID for a secret that isn't there */
export async function notifying(options: {
  readonly config: Config;
  readonly store: Store;
  readonly mark: (deliveries: readonly Delivery[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ours?: () => boolean;
  readonly metrics?: Pick<SelfMetrics, "effects">;
}): Promise<Outbox> {
  const { config, store, mark, clock, ours, metrics } = options;
  const log = componentLog(options.log, "notify");
  const { receivers, giveUp, attempts, backlog, longestWait, publicUrl } = config.notify;
  const told = outbox({
    receivers: await receiversOf(receivers, clock),
    ...{ store, mark, clock, ours, attempts, backlog, publicUrl },
    ...{ giveUpMs: giveUp, longestWaitMs: longestWait },
    onFailed: (delivery) => metrics?.effects.delivered(delivery),
    onSettled: (delivery) => {
      const { receiver, notificationId, state, attempts, detail } = delivery;
      metrics?.effects.delivered(delivery);
      const about = { receiver, notification: notificationId, attempts };
      if (state === "dead") log.error({ ...about, detail }, "given up");
      else log.info(about, "told");
    },
  });
  metrics?.effects.waits(told.waiting);
  return told;
}

/** Marks as records of the local store. */
export const markIn =
  (store: Pick<Store, "commit">) =>
  (deliveries: readonly Delivery[]): Promise<void> =>
    store.commit({ positions: new Map(), state: new Map(), outputs: deliveryRecords(deliveries) });

export const deliveryRecords = (deliveries: readonly Delivery[]) =>
  deliveries.map((d) => ({
    topic: "deliveries" as const,
    key: `${d.receiver}/${d.notificationId}`,
    value: JSON.stringify(d),
  }));
