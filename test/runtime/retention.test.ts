import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Topic } from "../../pipelines/core/records.ts";
import type { Store } from "../../pipelines/core/store.ts";
import { verifyAudit } from "../../pipelines/runtime/store/audit.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

const DAY = 86_400_000;
const T0 = 1_760_000_000_000;
const keepMs = 90 * DAY;

let store: Store;
const put = (topic: Topic, key: string, record: object) =>
  store.commit({
    positions: new Map(),
    state: new Map(),
    outputs: [{ topic, key, value: JSON.stringify(record) }],
  });
const keys = async (topic: Topic) => (await store.latest(topic, { oldestFirst: true })).map((r) => r.key);
/** An incident with a repair, a notification and its mark. */
async function incident(id: string, state: string) {
  await put("incidents", id, { id, state, version: 1, timeline: [{ text: 'it said "state":"resolved" once' }] });
  await put("actions", `plan-${id}`, { plan: { id: `plan-${id}`, incidentId: id }, state: "verified" });
  await put("notifications", `${id}/1`, { id: `${id}/1`, incidentId: id });
  await put("deliveries", `pager/${id}/1`, { incidentId: id, notificationId: `${id}/1`, state: "sent" });
}
const all = async () => ({
  incidents: await keys("incidents"),
  actions: await keys("actions"),
  notifications: await keys("notifications"),
  deliveries: await keys("deliveries"),
});
const forget = (day: number) => store.forget({ nowMs: T0 + day * DAY, keepMs });

beforeAll(async () => {
  store = await openStore("memory");
});
afterAll(() => store.close());

describe("retention", () => {
  it("removes what was last written too long ago, and nothing of what is open", async () => {
    await incident("old", "resolved");
    await incident("lasting", "open");
    expect(await forget(0)).toMatchObject({ rows: 0, more: false });
    await incident("young", "resolved");
    await store.audit({ planId: "plan-old", timeMs: T0, event: "approve", detail: "by ann" });
    await forget(1);
    expect(await forget(89)).toMatchObject({ incidents: [] });
    expect((await all()).incidents).toEqual(["old", "lasting", "young"]);
    expect(await forget(90)).toMatchObject({ incidents: ["old"], more: false });
    const left = ["lasting", "young"];
    expect(await all()).toEqual({
      incidents: left,
      actions: left.map((i) => `plan-${i}`),
      notifications: left.map((i) => `${i}/1`),
      deliveries: left.map((i) => `pager/${i}/1`),
    });
    expect((await store.latest("incidents", { open: true })).map((r) => r.key)).toEqual(["lasting"]);
  });

  it("lets what belongs to an incident stay as long as the incident does, and the audit for ever", async () => {
    await forget(91);
    await put("incidents", "lasting", { id: "lasting", state: "resolved", version: 2 });
    await forget(92);
    expect((await all()).incidents).toEqual(["lasting"]);
    expect((await all()).actions).toEqual(["plan-lasting"]);
    await forget(182);
    expect(await all()).toEqual({ incidents: [], actions: [], notifications: [], deliveries: [] });
    const trail = await store.auditTrail();
    expect(trail.map((e) => e.event)).toEqual(["approve"]);
    expect(verifyAudit(trail)).toEqual({ ok: true });
  });

  it("keeps the newest of each key longer than the ones before it, and some topics for less", async () => {
    for (const version of [1, 2, 3]) await put("incidents", "i", { id: "i", state: "open", version });
    await put("anomalies", "over", { id: "over", endMs: T0 });
    await put("anomalies", "on", { id: "on", endMs: null });
    await put("dead-letters", "topic@1", { source: "topic" });
    await forget(200);
    expect((await store.records("incidents")).length).toBe(3);
    await forget(207);
    expect((await store.records("incidents")).length).toBe(0);
    expect(JSON.parse((await store.latest("incidents", { key: "i" }))[0]!.value).version).toBe(3);
    expect(await keys("dead-letters")).toEqual(["topic@1"]);
    await forget(214);
    expect(await keys("dead-letters")).toEqual([]);
    expect(await keys("anomalies")).toEqual(["over", "on"]);
    await forget(230);
    expect(await keys("anomalies")).toEqual(["on"]);
  });

  it("keeps silences and suppressions that are in force", async () => {
    await put("silences", "over", { id: "over", endsMs: T0 + 301 * DAY });
    await put("silences", "long", { id: "long", endsMs: T0 + 700 * DAY });
    await put("suppressions", "gone", { id: "gone", state: "removed" });
    await put("suppressions", "rule", { id: "rule", state: "active" });
    await forget(300);
    await forget(400);
    expect(await keys("silences")).toEqual(["long"]);
    expect(await keys("suppressions")).toEqual(["rule"]);
  });

  it("takes thousands away in bounded batches, and a clock that was put back takes nothing", async () => {
    const outputs = Array.from({ length: 11_000 }, (_, i) => ({
      topic: "dead-letters" as const,
      key: `many/${String(i).padStart(5, "0")}`,
      value: "{}",
    }));
    await store.commit({ positions: new Map(), state: new Map(), outputs });
    await forget(500);
    expect((await forget(450)).rows).toBe(0);
    const first = await forget(514);
    expect(first).toMatchObject({ rows: 10_000, more: true });
    expect((await keys("dead-letters"))[0]).toBe("many/10000");
    for (let more = true; more; ) ({ more } = await forget(514));
    expect(await keys("dead-letters")).toEqual([]);
    expect(await store.records("dead-letters")).toEqual([]);
  });
});
