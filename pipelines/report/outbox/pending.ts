import { type Delivery, deliveryKey, type Notification } from "../../core/notifications.ts";
import type { Store } from "../../core/store.ts";
import type { Receiver } from "./receivers.ts";

const PAGE = 500;
const SETTLED: ReadonlySet<string> = new Set(["sent", "dead"]);

export interface Unsettled {
  readonly notification: Notification;
  /** Receivers that have not got it, with what was noted last. */
  readonly before: ReadonlyMap<string, Delivery | undefined>;
}

/**
 * Notifications that somebody has still to get, oldest first: the newest `limit` of them for each receiver, so that
 * memory is bounded however long nothing could be sent; older ones follow as dead letters when these are added.
 * Looks back until a full page has nothing unsettled in it.
 */
export async function* unsettled(
  store: Pick<Store, "latest">,
  receivers: readonly Receiver[],
  limit: number,
): AsyncGenerator<Unsettled> {
  if (receivers.length === 0) return;
  const found: Unsettled[] = [];
  for (let beforeSeq: number | undefined; ; ) {
    const page = await store.latest("notifications", {
      limit: PAGE,
      ...(beforeSeq === undefined ? {} : { beforeSeq }),
    });
    let open = 0;
    for (const { value } of page) {
      const notification = JSON.parse(value) as Notification;
      const before = new Map<string, Delivery | undefined>();
      for (const r of receivers) {
        if (!r.wants(notification)) continue;
        const [mark] = await store.latest("deliveries", { key: deliveryKey(r.name, notification.id) });
        const last = mark && (JSON.parse(mark.value) as Delivery);
        if (!last || !SETTLED.has(last.state)) before.set(r.name, last);
      }
      if (before.size === 0) continue;
      open += 1;
      found.push({ notification, before });
    }
    beforeSeq = page.at(-1)?.seq;
    if (page.length < PAGE || open === 0 || found.length > 2 * limit) break;
  }
  yield* found.reverse();
}
