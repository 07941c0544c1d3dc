import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Silence } from "../../pipelines/core/incident-decisions.ts";
import type { Incident, Topic } from "../../pipelines/core/records.ts";
import { POSTMORTEM_SCHEMA_FILE, postmortemJsonSchema } from "../../pipelines/core/schemas/postmortem.ts";
import { recordJsonSchema, recordSchemas, schemaFile } from "../../pipelines/core/schemas/records.ts";
import { suppressions } from "../../pipelines/correlate/suppressions.ts";
import { assemble } from "../../pipelines/run/assemble.ts";
import { stream } from "../../pipelines/run/stream.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";
import { writeSignals } from "../chaos/signals.ts";
import { makeRegistry } from "../run/models/fixture.ts";

const DIR = join(import.meta.dirname, "../../docs/schemas");
const TOPICS = Object.keys(recordSchemas) as Topic[];

describe("the published schemas", () => {
  it.each(TOPICS)("of %s are up to date (npm run schemas)", (topic) => {
    const published = JSON.parse(readFileSync(join(DIR, schemaFile(topic)), "utf8"));
    expect(published).toEqual(recordJsonSchema(topic));
    expect(new Ajv2020({ strict: false }).validateSchema(published)).toBe(true);
  });

  it("of the post-mortem is up to date (npm run schemas)", () => {
    const published = JSON.parse(readFileSync(join(DIR, POSTMORTEM_SCHEMA_FILE), "utf8"));
    expect(published).toEqual(JSON.parse(JSON.stringify(postmortemJsonSchema())));
    expect(new Ajv2020({ strict: false }).validateSchema(published)).toBe(true);
  });

  it("are all there is in their folder, apart from those of older versions", () => {
    const known = [...TOPICS, "postmortem"].map((t) => new RegExp(`^${t}\\.v\\d+\\.schema\\.json$`));
    expect(readdirSync(DIR).filter((f) => !known.some((k) => k.test(f)))).toEqual([]);
  });
});

describe("the records of a run", () => {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-schemas-"));
  const records = new Map<Topic, unknown[]>();
  const ajv = new Ajv2020({ strict: false, allErrors: true });

  beforeAll(async () => {
    const paths = writeSignals(dir, { seed: 5, minutes: 21 });
    await makeRegistry(join(dir, "data"));
    const running = await stream({
      config: parseConfig(
        JSON.stringify({
          dataDir: join(dir, "data"),
          sources: [{ kind: "files", paths }],
          windows: { window: "5s", lateness: "5s" },
          limits: { series: 10 },
          notify: { receivers: [{ kind: "file", path: join(dir, "told.jsonl") }], giveUp: "1000000h" },
          detect: { models: { summary: 20, use: [{ name: "hosts" }] } },
          recover: { targets: ["gateway", "orders", "payment"].map((name) => ({ name })) },
        }),
      ),
      clock: systemClock,
      log: pino({ level: "silent" }),
    });
    await running.ended;
    await running.stop();
    const store = await openStore(join(dir, "data/store"));
    for (const topic of TOPICS)
      records.set(
        topic,
        (await store.records(topic)).map((r) => JSON.parse(r.value)),
      );
    // Files hold none: as the stage gives it out.
    const silences: unknown[] = [];
    const { incidents } = assemble(parseConfig(""));
    const silence = { id: "SIL-1", matchers: [{ field: "entity", op: "=", value: "a" }], startsMs: 0, endsMs: 1 };
    const more = { mode: "mute", by: "ann", comment: "", createdMs: 0, endedBy: null };
    incidents.process(
      {
        type: "control",
        control: { kind: "silence", timeMs: 0, silence: { ...silence, ...more } as unknown as Silence },
      },
      { emit: (_, __, record) => silences.push(record), send: () => {} },
    );
    records.set("silences", silences);
    await store.close();
    // Nobody labels anything in such a run.
    const incident = records.get("incidents")?.at(-1) as Incident;
    const record = { incidentId: incident.id, label: "noise", by: "ann", atMs: 0, note: "" } as const;
    records.set("suppressions", [suppressions().label(incident, record)]);
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each(TOPICS)("in %s fit their schema, to the last field", (topic) => {
    const list = records.get(topic) ?? [];
    expect(list.length).toBeGreaterThan(0);
    for (const published of [true, false]) {
      // Consumers bear new fields; we mean to have named all.
      const fits = ajv.compile({ ...recordJsonSchema(topic, { strict: !published }), $id: `${topic}-${published}` });
      for (const record of list) expect(fits(record), JSON.stringify(fits.errors)).toBe(true);
    }
  });

  it("are refused when a field is missing, wrong or unknown", () => {
    const [letter] = records.get("dead-letters") as [Record<string, unknown>];
    const fits = ajv.compile({ ...recordJsonSchema("dead-letters"), $id: "loose" });
    const strict = ajv.compile({ ...recordJsonSchema("dead-letters", { strict: true }), $id: "strict" });
    const { payload: _, ...without } = letter;
    expect(fits(without)).toBe(false);
    expect(fits({ ...letter, rows: "3" })).toBe(false);
    expect(fits({ ...letter, added: 1 })).toBe(true);
    expect(strict({ ...letter, added: 1 })).toBe(false);
  });
});
