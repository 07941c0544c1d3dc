import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Delivery, Notification } from "../../pipelines/core/notifications.ts";
import type { Incident } from "../../pipelines/core/records.ts";
import { stream } from "../../pipelines/run/stream.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";
import { POLICIES, type PolicySettings } from "../../pipelines/tolerance/policies.ts";
import { writeSignals } from "../chaos/signals.ts";
import { receiver } from "../report/outbox/fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-notifying-"));
let pager: Awaited<ReturnType<typeof receiver>>;
beforeAll(async () => {
  pager = await receiver();
});
afterAll(async () => {
  await pager.close();
  rmSync(dir, { recursive: true });
});

it("a run tells its receivers of each incident, once over a restart, and a replay tells nobody", {
  timeout: 180_000,
}, async () => {
  const config = parseConfig(
    JSON.stringify({
      dataDir: join(dir, "data"),
      sources: [{ kind: "files", paths: writeSignals(dir, { seed: 5, minutes: 21 }) }],
      windows: { window: "5s", lateness: "5s" },
      notify: { giveUp: "1000000h", receivers: [{ kind: "webhook", url: pager.url }] },
    }),
  );
  const run = async (replay: boolean) => {
    const running = await stream({ config, clock: systemClock, log: pino({ level: "silent" }), replay });
    await running.ended;
    await running.stop();
  };
  await run(false);
  const store = await openStore(join(dir, "data/store"));
  const all = async <T>(topic: "incidents" | "notifications" | "deliveries") =>
    (await store.latest(topic)).map((r) => JSON.parse(r.value) as T);
  const incidents = await all<Incident>("incidents");
  const notifications = await all<Notification>("notifications");
  const deliveries = await all<Delivery>("deliveries");
  await store.close();
  expect(incidents.length).toBeGreaterThan(0);
  const opened = notifications.filter((n) => n.kind === "opened").map((n) => n.incidentId);
  expect(opened.sort()).toEqual(incidents.map((i) => i.id).sort());
  expect(deliveries.every((d) => d.state === "sent")).toBe(true);
  const told = pager.asked.map((a) => JSON.parse(a.body).notification.id as string);
  expect([...told].sort()).toEqual(notifications.map((n) => n.id).sort());
  for (const id of new Set(opened)) {
    const numbers = told.filter((t) => t.startsWith(`${id}/`)).map((t) => Number(t.split("/").at(-1)));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  }
  await run(false);
  rmSync(join(dir, "data"), { recursive: true });
  await run(true);
  expect(pager.asked).toHaveLength(told.length);
});

it("the table of policies in docs/resilience.md says what the code does", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/resilience.md"), "utf8");
  for (const [name, p] of Object.entries(POLICIES) as [string, PolicySettings][]) {
    const row = page
      .split("\n")
      .find((l) => l.startsWith(`| \`${name}\` |`))
      ?.split("|")
      .map((c) => c.trim());
    expect(row?.[3]).toBe(`${p.timeoutMs / 1000} s`);
    if (name !== "ship") expect(row?.[4]?.split(",")[0]).toBe(p.retries === 0 ? "none" : String(p.retries));
    expect(row?.[5]?.startsWith(p.breakAfter === 0 ? "none" : String(p.breakAfter))).toBe(true);
    expect(row?.[6]).toBe(`${p.atOnce} + ${p.waiting.toLocaleString("en")}`);
  }
});
