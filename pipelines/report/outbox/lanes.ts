/** What waits for one receiver: a lane for each incident, so that one which is held up does not hold up the others. */
import type { Notification } from "../../core/notifications.ts";
import type { backoff } from "../../tolerance/backoff.ts";

export interface Item {
  readonly notification: Notification;
  /** Too old is counted from here, ms. */
  readonly sinceMs: number;
  /** Tries so far. */
  attempts: number;
  /** A try may have arrived without our knowing. */
  uncertain: boolean;
}

export interface Lane {
  readonly incidentId: string;
  /** By number. */
  readonly items: Item[];
  busy: boolean;
  /** Not before this time. */
  nextMs: number;
  wait: ReturnType<typeof backoff> | undefined;
  /** Its opening is a dead letter. */
  lost: boolean;
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  #size = 0;

  get size(): number {
    return this.#size;
  }
  has(id: string): boolean {
    const lane = this.#lanes.get(id.slice(0, id.lastIndexOf("/")));
    return lane?.items.some((i) => i.notification.id === id) ?? false;
  }
  add(item: Item): void {
    const { incidentId, number } = item.notification;
    let lane = this.#lanes.get(incidentId);
    if (!lane) {
      lane = { incidentId, items: [], busy: false, nextMs: 0, wait: undefined, lost: false };
      this.#lanes.set(incidentId, lane);
    }
    const at = lane.items.findIndex((i) => i.notification.number > number);
    // Never in front of what is on its way.
    lane.items.splice(at < 0 ? lane.items.length : Math.max(at, lane.busy ? 1 : 0), 0, item);
    this.#size += 1;
  }
  done(lane: Lane, item: Item): void {
    const at = lane.items.indexOf(item);
    if (at < 0) return;
    lane.items.splice(at, 1);
    this.#size -= 1;
    if (lane.items.length === 0 && !lane.lost) this.#lanes.delete(lane.incidentId);
  }
  /** Lanes whose first may be tried now, oldest first, `atOnce` with those under way. */
  ready(nowMs: number, atOnce: number): Lane[] {
    const all = [...this.#lanes.values()];
    const free = atOnce - all.filter((l) => l.busy).length;
    return all.filter((l) => !l.busy && l.items.length > 0 && l.nextMs <= nowMs).slice(0, Math.max(0, free));
  }
  /** When the next of those that wait for a time may be tried; those that wait for a place are looked at when one is free. */
  nextMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const l of this.#lanes.values())
      if (!l.busy && l.items.length > 0 && l.nextMs > nowMs && (next === undefined || l.nextMs < next)) next = l.nextMs;
    return next;
  }
  /** What is too much, oldest first, and nothing that is on its way. */
  beyond(limit: number): { lane: Lane; item: Item }[] {
    const out: { lane: Lane; item: Item }[] = [];
    let left = this.#size - limit;
    for (const lane of this.#lanes.values()) {
      if (left <= 0) break;
      const item = lane.items[lane.busy ? 1 : 0];
      if (!item) continue;
      out.push({ lane, item });
      left -= 1;
    }
    return out;
  }
}
