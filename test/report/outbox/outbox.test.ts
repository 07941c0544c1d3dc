import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock } from "../../../pipelines/core/clock.ts";
import { PipelineError } from "../../../pipelines/core/errors.ts";
import type { Delivery } from "../../../pipelines/core/notifications.ts";
import { type Outbox, type OutboxOptions, outbox } from "../../../pipelines/report/outbox/outbox.ts";
import type { Receiver } from "../../../pipelines/report/outbox/receivers.ts";
import type { Outgoing } from "../../../pipelines/report/sinks/sink.ts";
import { markIn } from "../../../pipelines/run/notifying.ts";
import { memoryStore, notification, outputOf, START_MS, until } from "./fixture.ts";

const failure = (retriable: boolean) => new PipelineError("SINK_FAILED", "test", { detail: "no", retriable });

describe("the outbox", () => {
  let store = memoryStore();
  let sent: Outgoing[] = [];
  let refuse: (o: Outgoing) => Error | undefined = () => undefined;
  const boxes: Outbox[] = [];
  const clock = manualClock(START_MS + 1000);

  const receiver = (name = "pager", knowsRepeats = true): Receiver => ({
    ...{ name, knowsRepeats, wants: () => true },
    sink: {
      name,
      async write(batch) {
        for (const o of batch) {
          const error = refuse(o);
          if (error) throw error;
          sent.push(o);
        }
      },
      async close() {},
    },
  });
  const open = (more: Partial<OutboxOptions> = {}) => {
    const settled: Delivery[] = [];
    const box = outbox({
      ...{ receivers: [receiver()], store, mark: markIn(store), clock, firstWaitMs: 1, longestWaitMs: 5 },
      onSettled: (d) => settled.push(d),
      ...more,
    });
    boxes.push(box);
    return Object.assign(box, { settled });
  };
  const commit = async (box: Outbox, ...list: ReturnType<typeof notification>[]) => {
    const outputs = list.map(outputOf);
    await store.commit({ positions: new Map(), state: new Map(), outputs });
    box.onCommitted(outputs);
  };
  const marks = async () => (await store.latest("deliveries")).map((r) => JSON.parse(r.value) as Delivery);

  beforeEach(() => {
    store = memoryStore();
    sent = [];
    refuse = () => undefined;
    clock.set(START_MS + 1000);
  });
  afterEach(async () => {
    for (const b of boxes.splice(0)) await b.stop(0);
  });

  it("sends each notification once, in order within an incident, and notes it", async () => {
    const box = open();
    await commit(box, ...[1, 2, 3, 4].flatMap((n) => [notification("i1", n), notification("i2", n)]));
    await until(() => box.settled.length === 8);
    for (const id of ["i1", "i2"])
      expect(sent.filter((o) => o.notification.incidentId === id).map((o) => o.notification.number)).toEqual([
        1, 2, 3, 4,
      ]);
    expect((await marks()).every((d) => d.state === "sent" && d.attempts === 1)).toBe(true);
    const next = open();
    await next.recover();
    await next.stop();
    expect(sent).toHaveLength(8);
  });

  it("tries again what fails in passing, keeps the key, and holds the incident's order meanwhile", async () => {
    let left = 3;
    const tried: string[] = [];
    refuse = ({ key, notification: n }) => {
      tried.push(key);
      return n.incidentId === "i1" && left-- > 0 ? failure(true) : undefined;
    };
    const clockNow = { nowMs: () => START_MS + performance.now() };
    const box = open({ clock: clockNow });
    await commit(box, notification("i1", 1), notification("i1", 2), notification("i2", 1));
    await until(() => box.settled.length === 3);
    expect(sent.map((o) => o.notification.id)).toEqual(["i2/1", "i1/1", "i1/2"]);
    expect(tried.filter((k) => k === "faultwright/shop/i1/1")).toHaveLength(4);
    expect(sent.find((o) => o.notification.id === "i1/1")?.repeated).toBe(true);
  });

  it.each([
    ["is refused for good", { refuse: false, more: {} }, /refused/],
    ["fails too often", { refuse: true, more: { attempts: 3 } }, /given up after 3 tries/],
  ])("makes a dead letter of what %s, and does not tell the end of what nobody heard of", async (_, how, detail) => {
    refuse = ({ notification: n }) => (n.kind === "opened" ? failure(how.refuse) : undefined);
    const box = open({ ...how.more, clock: { nowMs: () => START_MS + performance.now() } });
    await commit(box, notification("i1", 1), notification("i1", 2, { kind: "resolved", state: "resolved" }));
    await until(() => box.settled.length === 2);
    expect(box.settled.map((d) => d.state)).toEqual(["dead", "dead"]);
    expect(box.settled[0]?.detail).toMatch(detail);
    expect(sent).toEqual([]);
    expect(box.waiting().get("pager")).toBe(0);
  });

  it("does not page for what is long past: a backfill is no emergency", async () => {
    const box = open({ giveUpMs: 60_000 });
    clock.set(START_MS + 60_001);
    await commit(box, notification("i1", 1));
    await until(() => box.settled.length === 1);
    expect(box.settled[0]).toMatchObject({ state: "dead", attempts: 0 });
    expect(sent).toEqual([]);
  });

  it("bounds its backlog: the oldest become dead letters", async () => {
    refuse = () => failure(true);
    const box = open({ backlog: 5, longestWaitMs: 60_000, firstWaitMs: 60_000 });
    await commit(box, ...Array.from({ length: 12 }, (_, i) => notification(`i${i}`, 1)));
    await until(() => box.settled.length >= 7 && (box.waiting().get("pager") ?? 0) <= 5);
    expect(box.settled.every((d) => d.state === "dead" && d.detail.includes("more than 5"))).toBe(true);
  });

  it("goes on with what an earlier process left, oldest first, and says where it may be a repeat", async () => {
    refuse = () => failure(true);
    const first = open({ receivers: [receiver("mail", false)], firstWaitMs: 60_000, longestWaitMs: 60_000 });
    await commit(first, notification("i1", 1), notification("i1", 2), notification("i2", 1));
    await until(async () => (await marks()).filter((d) => d.state === "failed").length === 2);
    await first.stop(0);
    refuse = () => undefined;
    const second = open({ receivers: [receiver("mail", false)] });
    await second.recover();
    await until(() => second.settled.length === 3);
    expect(sent.map((o) => [o.notification.id, o.repeated])).toEqual(
      expect.arrayContaining([
        ["i1/1", true],
        ["i1/2", false],
        ["i2/1", true],
      ]),
    );
    expect(sent.findIndex((o) => o.notification.id === "i1/1")).toBeLessThan(
      sent.findIndex((o) => o.notification.id === "i1/2"),
    );
  });

  it("sends nothing while another process does, nor while a mark can't be written before it", async () => {
    let ours = false;
    let away = true;
    const mark = markIn(store);
    const box = open({
      receivers: [receiver("chat", false)],
      ours: () => ours,
      mark: (d) => (away ? Promise.reject(new Error("disk full")) : mark(d)),
    });
    await commit(box, notification("i1", 1));
    ours = true;
    await box.recover();
    await new Promise((go) => setTimeout(go, 60));
    expect(sent).toEqual([]);
    away = false;
    await until(() => box.settled.length === 1);
    expect(sent).toHaveLength(1);
  });

  it("sends a dead letter again when somebody asks for it, however old it is", async () => {
    refuse = () => failure(false);
    const box = open();
    await commit(box, notification("i1", 1));
    await until(() => box.settled.length === 1);
    refuse = () => undefined;
    clock.set(START_MS + 1e9);
    const [dead] = await marks();
    const again: Delivery = { ...dead!, state: "requeued", timeMs: clock.nowMs() };
    await markIn(store)([again]);
    box.onCommitted([{ topic: "deliveries", key: "pager/i1/1", value: JSON.stringify(again) }]);
    await until(() => box.settled.length === 2);
    expect(box.settled[1]).toMatchObject({ state: "sent", attempts: 1 });
    expect(sent).toHaveLength(1);
  });
});
