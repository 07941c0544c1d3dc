import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { manualClock, systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Incident, Message } from "../../pipelines/core/records.ts";
import type { Outbox } from "../../pipelines/core/stage.ts";
import { type Look, targetSource } from "../../pipelines/ingest/sources/targets.ts";
import { assemble } from "../../pipelines/run/assemble.ts";
import { openAgain } from "../../pipelines/run/trail/open-again.ts";
import { openJournal } from "../../pipelines/runtime/embedded/journal.ts";

const START_MS = 1_760_000_000_000;
const EVERY_MS = 5000;
const WINDOW_MS = 10_000;
const config = parseConfig("recover: { targets: [{ name: guest }] }\nsources: [{ kind: targets }]");

/** A target under the stages with the windows of a config that says nothing, `windows` of them; the incidents' last versions. */
async function watch(
  windows: number,
  look: (window: number) => Look,
): Promise<{ incidents: Incident[]; at: number[] }> {
  const clock = manualClock(START_MS);
  const { features, incidents } = assemble(config);
  const found = new Map<string, Incident>();
  const at = new Map<string, number>();
  const windowNow = () => Math.floor((clock.nowMs() - START_MS) / WINDOW_MS);
  const emit: Outbox["emit"] = (topic, _key, record) => {
    if (topic === "dead-letters") throw new Error("a look that can't be read");
    if (topic !== "incidents") return;
    const incident = record as Incident;
    if (!found.has(incident.id)) at.set(incident.id, (incident.times.detectedMs - START_MS) / WINDOW_MS);
    found.set(incident.id, incident);
  };
  const out: Outbox = { emit, send: (m: Message) => incidents.process(m, { emit, send: () => {} }) };
  features.join("signals");
  const end = targetSource({
    targets: [
      { name: "guest", resource: { "vm.name": "guest" } },
      { name: "other", resource: { "service.name": "other" } },
    ],
    look: async (target) => (target === "guest" ? look(windowNow()) : { healthy: true, detail: "answers 200" }),
    ...{ everyMs: EVERY_MS, clock, ours: () => true, busy: () => false },
    append: async ({ format, value }) =>
      features.process({ source: "signals", position: "1", ingestTimeMs: clock.nowMs(), format, value }, out),
    onFailed: (error) => {
      throw error;
    },
  });
  for (let i = 0; i < (windows * WINDOW_MS) / EVERY_MS; i++) {
    clock.advance(EVERY_MS);
    await vi.advanceTimersByTimeAsync(EVERY_MS);
  }
  await end();
  return { incidents: [...found.values()], at: [...at.values()] };
}

it("is read again from the one journal that holds all that arrived", async () => {
  const dir = mkdtempSync(join(tmpdir(), "fw-watch-"));
  const log = pino({ level: "silent" });
  const both = parseConfig(
    `dataDir: ${dir}\nrecover: { targets: [{ name: guest }] }\nsources: [{ kind: otlp-http }, { kind: targets }]`,
  );
  try {
    const journal = await openJournal({ dir: join(dir, "journal") });
    await journal.append({ format: "otlp-metrics-json", value: Buffer.from("{}") });
    await journal.close();
    const again = await openAgain({ config: both, dataDir: dir, clock: systemClock, log });
    expect(again.sources).toHaveLength(1);
    await again.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

it.each([
  ["recover.targets", "sources: [{ kind: targets }]"],
  ["twice", "recover: { targets: [{ name: a }] }\nsources: [{ kind: targets }, { kind: targets }]"],
  ["100 ms", "recover: { targets: [{ name: a }] }\nsources: [{ kind: targets, every: 10ms }]"],
])("refuses a config that does not fit: %s", (what, text) => {
  expect(() => parseConfig(text)).toThrow(what);
});

describe("a target that is watched", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const FAULT = 60;
  const fine: Look = { healthy: true, detail: "running, heartbeat 200 ms ago", overdueMs: 0 };

  it("gives no incident while it is well, however often it is looked at", async () => {
    expect((await watch(400, () => fine)).incidents).toEqual([]);
  });
  it("gives none for one failed look", async () => {
    let looks = 0;
    const once = (w: number): Look => (w === FAULT && looks++ === 0 ? { ...fine, healthy: false } : fine);
    expect((await watch(120, once)).incidents).toEqual([]);
  });
  it.each([
    ["with a check that fails alone", (): Look => ({ healthy: false, detail: "check answers 503" }), 6],
    [
      "with a check that fails and a heartbeat that is overdue",
      (w: number): Look => ({ healthy: false, detail: "running", overdueMs: (w - FAULT + 1) * WINDOW_MS }),
      2,
    ],
  ])("%s is an incident of its entity within the windows that the docs say", async (_, bad, within) => {
    const { incidents, at } = await watch(FAULT + 12, (w) => (w < FAULT ? fine : bad(w)));
    expect(incidents).toHaveLength(1);
    // Counted to the end of the window in which it opened.
    expect(at[0]! - FAULT).toBeLessThanOrEqual(within);
    expect(incidents[0]).toMatchObject({ entities: ["guest"], state: "open" });
    expect(incidents[0]!.diagnosis?.suspects[0]).toMatchObject({ name: "guest", kind: "vm" });
    expect(incidents[0]!.diagnosis?.logs.map((l) => l.template).join()).toContain("not healthy");
  });
  it("resolves once it is well again", async () => {
    const bad: Look = { healthy: false, detail: "guest-panicked", overdueMs: 60_000 };
    const { incidents } = await watch(FAULT + 60, (w) => (w < FAULT || w > FAULT + 10 ? fine : bad));
    expect(incidents.map((i) => i.state)).toEqual(["resolved"]);
  });
});
