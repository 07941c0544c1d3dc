/** From committed notifications to receivers: each once, in order within an incident, over crashes and outages. */
import { setMaxListeners } from "node:events";
import type { Clock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import { type Delivery, type DeliveryState, deliveryKey, type Notification } from "../../core/notifications.ts";
import type { OutputRecord, Store } from "../../core/store.ts";
import { backoff } from "../../tolerance/backoff.ts";
import { HttpError } from "../../tolerance/http-call.ts";
import { NotCalledError } from "../../tolerance/policies.ts";
import type { Outgoing } from "../sinks/sink.ts";
import { type Item, type Lane, Lanes } from "./lanes.ts";
import { unsettled } from "./pending.ts";
import type { Receiver } from "./receivers.ts";

export interface OutboxOptions {
  readonly receivers: readonly Receiver[];
  readonly store: Pick<Store, "latest">;
  /** Makes marks durable, in the order of the calls. */
  readonly mark: (deliveries: readonly Delivery[]) => Promise<void>;
  readonly clock: Clock;
  /** Is this process the one that delivers? Asked before each try. */
  readonly ours?: () => boolean;
  /** Older than this, by event time: a dead letter, ms. */
  readonly giveUpMs?: number;
  readonly attempts?: number;
  /** Waiting notifications of one receiver. */
  readonly backlog?: number;
  /** Between two tries, ms. */
  readonly firstWaitMs?: number;
  readonly longestWaitMs?: number;
  /** Incidents of one receiver that are sent about at a time. */
  readonly atOnce?: number;
  readonly publicUrl?: string;
  /** Sent, or given up. */
  readonly onSettled?: (delivery: Delivery) => void;
  /** A try that failed; another follows. */
  readonly onFailed?: (delivery: Delivery) => void;
}

export interface Outbox {
  /** What a commit holds; notifications in it are sent, requeued deliveries again. Never throws, never waits. */
  onCommitted(outputs: readonly OutputRecord[]): void;
  /** Takes up what an earlier process left unsent. Call once all its marks are in the store. */
  recover(): Promise<void>;
  /** Dead letters of these keys (`<receiver>/<notification>`), or all, become `requeued`. Gives the marks. */
  requeue(keys: readonly string[] | "all"): Promise<Delivery[]>;
  /** Waiting or under way, by receiver. */
  waiting(): ReadonlyMap<string, number>;
  /** Gives what waits `graceMs` to go out, then ends trying. What is left stays in the store. */
  stop(graceMs?: number): Promise<void>;
}

const REMEMBERED = 10_000;
const PAGE = 500;

/**
 * The store's topics are the outbox: `notifications` were committed with the stages' outputs, `deliveries` say how far
 * each receiver is. A try that may have arrived before a crash is sent again with the same key (`webhook`, `pagerduty`,
 * `alertmanager` take it once) or, where the receiver can't tell, is noted before it is sent and then marked as a
 * possible repeat. Memory: `backlog` notifications for each receiver.
 */
export function outbox(options: OutboxOptions): Outbox {
  const { receivers, store, clock, ours = () => true, giveUpMs = 21_600_000, attempts: most = 100 } = options;
  const { backlog = 1000, firstWaitMs = 1000, longestWaitMs = 300_000, atOnce = 4, publicUrl } = options;
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const running = new Set<Promise<void>>();
  const lanes = new Map(receivers.map((r) => [r.name, new Lanes()]));
  /** A mark may take a while to come back to the store that `recover` looks at. */
  const settledHere = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();

  const delivery = (
    r: Receiver,
    { notification: n, attempts }: Item,
    state: DeliveryState,
    detail: string,
  ): Delivery => ({
    ...{ notificationId: n.id, incidentId: n.incidentId, receiver: r.name, state, attempts },
    ...{ timeMs: clock.nowMs(), detail: detail.slice(0, 500) },
  });
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        stopping.signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      stopping.signal.addEventListener("abort", end, { once: true });
    });
  /** A mark that can't be written holds its lane: sending on without it could send twice. False: told to stop. */
  async function durable(mark: Delivery): Promise<boolean> {
    const again = backoff({ firstMs: 200, longestMs: 10_000 });
    for (;;) {
      try {
        await options.mark([mark]);
        return true;
      } catch {
        if (stopping.signal.aborted) return false;
        await pause(again.next());
      }
    }
  }
  async function settle(r: Receiver, lane: Lane, item: Item, state: "sent" | "dead", detail: string): Promise<void> {
    const mark = delivery(r, item, state, detail);
    if (!(await durable(mark))) return;
    settledHere.add(deliveryKey(r.name, item.notification.id));
    for (const oldest of settledHere) {
      if (settledHere.size <= REMEMBERED) break;
      settledHere.delete(oldest);
    }
    const { kind } = item.notification;
    // Who never heard of the incident need not hear that it is over.
    if (kind === "opened") lane.lost = state === "dead";
    else if (kind === "resolved") lane.lost = false;
    lanes.get(r.name)!.done(lane, item);
    options.onSettled?.(mark);
  }

  async function tryHead(r: Receiver, lane: Lane, item: Item): Promise<void> {
    const { notification: n } = item;
    const ageMs = clock.nowMs() - item.sinceMs;
    if (ageMs > giveUpMs) return settle(r, lane, item, "dead", `not sent within ${giveUpMs} ms of its time`);
    if (lane.lost && n.kind === "resolved") return settle(r, lane, item, "dead", "its opening never arrived");
    const repeated = item.uncertain;
    if (!r.knowsRepeats && !(await durable(delivery(r, item, "sending", "")))) return;
    item.attempts += 1;
    const url = publicUrl && `${publicUrl.replace(/\/+$/, "")}/incidents/${encodeURIComponent(n.incidentId)}`;
    const out: Outgoing = { notification: n, key: `faultwright/${n.system}/${n.id}`, repeated, url };
    try {
      await r.sink.write([out], stopping.signal);
    } catch (error) {
      const { message } = error as Error;
      lane.wait ??= backoff({ firstMs: firstWaitMs, longestMs: longestWaitMs });
      if (error instanceof NotCalledError) {
        // Nothing went out: no try of this notification.
        item.attempts -= 1;
        lane.nextMs = clock.nowMs() + lane.wait.next();
        return;
      }
      // A passing error may hide a success: an answer that got lost.
      item.uncertain = true;
      const passing = error instanceof PipelineError ? error.retriable : true;
      if (stopping.signal.aborted && passing) return;
      if (!passing) return settle(r, lane, item, "dead", `refused: ${message}`);
      if (item.attempts >= most) return settle(r, lane, item, "dead", `given up after ${most} tries: ${message}`);
      const asked = error instanceof HttpError ? (error.retryAfterMs ?? 0) : 0;
      lane.nextMs = clock.nowMs() + Math.max(lane.wait.next(), Math.min(asked, longestWaitMs));
      const mark = delivery(r, item, "failed", message);
      options.onFailed?.(mark);
      await durable(mark);
      return;
    }
    lane.wait = undefined;
    await settle(r, lane, item, "sent", repeated ? "may have arrived before" : "");
  }

  function pump(r: Receiver): void {
    clearTimeout(timers.get(r.name));
    timers.delete(r.name);
    if (stopping.signal.aborted || !ours()) return;
    const own = lanes.get(r.name)!;
    for (const lane of own.ready(clock.nowMs(), atOnce)) {
      const item = lane.items[0]!;
      lane.busy = true;
      const turn = tryHead(r, lane, item)
        .catch(() => {})
        .finally(() => {
          lane.busy = false;
          running.delete(turn);
          pump(r);
        });
      running.add(turn);
    }
    const nextMs = own.nextMs(clock.nowMs());
    if (nextMs !== undefined)
      timers.set(
        r.name,
        setTimeout(() => pump(r), Math.min(Math.max(10, nextMs - clock.nowMs()), 60_000)),
      );
  }

  function add(r: Receiver, n: Notification, before: Delivery | undefined): void {
    const own = lanes.get(r.name)!;
    const requeued = before?.state === "requeued";
    const known = deliveryKey(r.name, n.id);
    if (requeued) settledHere.delete(known);
    if (!r.wants(n) || own.has(n.id) || settledHere.has(known)) return;
    own.add({
      notification: n,
      sinceMs: requeued ? before.timeMs : n.timeMs,
      attempts: requeued ? 0 : (before?.attempts ?? 0),
      uncertain: before !== undefined,
    });
    for (const { lane, item } of own.beyond(backlog)) {
      own.done(lane, item);
      const work = settle(r, lane, item, "dead", `more than ${backlog} were waiting`);
      running.add(work);
      void work.catch(() => {}).finally(() => running.delete(work));
    }
  }
  const pumpAll = () => {
    for (const r of receivers) pump(r);
  };

  return {
    onCommitted(outputs) {
      if (receivers.length === 0) return;
      for (const o of outputs) {
        if (o.topic === "notifications") {
          if (!ours()) continue;
          const n = JSON.parse(o.value) as Notification;
          for (const r of receivers) add(r, n, undefined);
        } else if (o.topic === "deliveries") {
          const d = JSON.parse(o.value) as Delivery;
          const r = receivers.find((x) => x.name === d.receiver);
          if (d.state !== "requeued" || !r || !ours()) continue;
          void store
            .latest("notifications", { key: d.notificationId })
            .then(([found]) => found && add(r, JSON.parse(found.value) as Notification, d))
            .then(() => pump(r))
            .catch(() => {});
        }
      }
      pumpAll();
    },
    async recover() {
      for await (const { notification, before } of unsettled(store, receivers, backlog))
        for (const [name, d] of before) add(receivers.find((r) => r.name === name)!, notification, d);
      pumpAll();
    },
    async requeue(keys) {
      const marks: Delivery[] = [];
      const known = new Set(receivers.map((r) => r.name));
      const take = (value: string) => {
        const d = JSON.parse(value) as Delivery;
        if (d.state === "dead" && known.has(d.receiver))
          marks.push({ ...d, state: "requeued", attempts: 0, timeMs: clock.nowMs(), detail: "" });
      };
      if (keys !== "all")
        for (const key of keys) for (const r of await store.latest("deliveries", { key })) take(r.value);
      else
        for (let beforeSeq: number | undefined; ; ) {
          const page = await store.latest("deliveries", { limit: PAGE, ...(beforeSeq ? { beforeSeq } : {}) });
          for (const r of page) take(r.value);
          beforeSeq = page.at(-1)?.seq;
          if (page.length < PAGE || marks.length >= backlog) break;
        }
      if (marks.length > 0) await options.mark(marks);
      return marks;
    },
    waiting: () => new Map([...lanes].map(([name, own]) => [name, own.size])),
    async stop(graceMs = 5000) {
      const endMs = clock.nowMs() + graceMs;
      const busy = () => [...lanes.values()].some((own) => own.ready(clock.nowMs(), 1).length > 0) || running.size > 0;
      while (busy() && clock.nowMs() < endMs) await pause(20);
      stopping.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.allSettled(running);
      for (const { sink } of receivers) await sink.close().catch(() => {});
    },
  };
}

export { deliveryKey };
