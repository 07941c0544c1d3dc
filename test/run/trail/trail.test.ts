import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogTrail } from "../../../pipelines/core/log-trail.ts";
import type { Incident, RawRecord } from "../../../pipelines/core/records.ts";
import type { Source } from "../../../pipelines/core/source.ts";
import { decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { renderReport } from "../../../pipelines/report/report.ts";
import { trailText } from "../../../pipelines/report/trail-text.ts";
import { readTrail } from "../../../pipelines/run/trail/read.ts";
import { openJournal } from "../../../pipelines/runtime/embedded/journal.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";

const T0 = Date.parse("2026-11-03T10:00:00Z");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const nano = (ms: number) => String(BigInt(ms) * 1_000_000n);
const resource = (name: string) => ({ attributes: [{ key: "service.name", value: { stringValue: name } }] });

const logs = (service: string, rows: [ms: number, severity: number, text: string, traceId?: string][]) =>
  JSON.stringify({
    resourceLogs: [
      {
        resource: resource(service),
        scopeLogs: [
          {
            logRecords: rows.map(([ms, severityNumber, stringValue, traceId = ""]) => ({
              timeUnixNano: nano(T0 + ms),
              severityNumber,
              body: { stringValue },
              traceId,
            })),
          },
        ],
      },
    ],
  });
const span = (service: string, id: string, parent: string, ms: number, durationMs: number, error: boolean) =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: resource(service),
        scopeSpans: [
          {
            spans: [
              {
                traceId: TRACE,
                spanId: id,
                parentSpanId: parent,
                name: `POST /${service}`,
                kind: 2,
                startTimeUnixNano: nano(T0 + ms),
                endTimeUnixNano: nano(T0 + ms + durationMs),
                status: { code: error ? 2 : 1 },
              },
            ],
          },
        ],
      },
    ],
  });

/** Bodies in the order of arrival, with a format each. */
const INPUT: [format: string, body: string][] = [
  ["otlp-logs-json", logs("store", [[-500_000, 17, "old trouble, another day"]])],
  [
    "otlp-logs-json",
    logs(
      "store",
      [1, 2, 3, 4, 5].map((n) => [n * 100, 9, `checkpoint ${n} done`]),
    ),
  ],
  ["otlp-traces-json", span("store", "bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa", 900, 80, true)],
  ["otlp-logs-json", logs("orders", [[905, 9, "order 17 received", TRACE]])],
  [
    "otlp-logs-json",
    logs("store", [
      [910, 17, "could not write page 4711: password=hunter2 disk full", TRACE],
      [920, 9, "checkpoint 6 skipped"],
      [930, 17, "could not write page 4712: password=hunter2 disk full"],
      [940, 9, "checkpoint 7 skipped"],
    ]),
  ],
  ["otlp-traces-json", span("orders", "aaaaaaaaaaaaaaaa", "", 890, 120, true)],
  ["otlp-logs-json", "{ not json"],
];

const incident: Incident = {
  id: "inc-1",
  version: 1,
  system: "shop",
  state: "resolved",
  severity: "major",
  times: {
    faultStartMs: T0 + 900,
    detectedMs: T0 + 2000,
    acknowledgedMs: null,
    mitigatedMs: null,
    verifiedMs: null,
    resolvedMs: T0 + 5000,
  },
  reopened: 0,
  entities: ["store", "orders"],
  anomalies: [],
  diagnosis: null,
  timeline: [],
  labels: [],
};

const memory = (): Source => {
  const records = INPUT.map(
    ([format, body], i): RawRecord => ({
      source: "memory",
      position: String(i + 1),
      ingestTimeMs: T0 + 10_000,
      format,
      value: Buffer.from(body),
    }),
  );
  return {
    name: "memory",
    read: async (position, maxBytes) =>
      maxBytes > 0 ? records.slice(Number(position ?? 0), Number(position ?? 0) + 2) : [],
    finished: async () => true,
    close: async () => {},
  };
};
const trailOf = (options: { context?: number; maxBytes?: number } = {}) =>
  readTrail(incident, { sources: [memory()], decoders, ...options });

describe("the trail of an incident", () => {
  let trail: LogTrail;
  beforeAll(async () => {
    trail = await trailOf({ context: 2 });
  });

  it("has the lines that are errors, one group for lines of one template, with how many there were", () => {
    expect(trail.groups).toMatchObject([{ entity: "store", count: 2, severity: 17 }]);
    expect(trail.groups[0]?.template).toContain("could not write page <*>");
  });

  it("has what the same service said before and after each, however records were cut", () => {
    const [first] = trail.groups[0]!.lines;
    expect(first?.before.map((l) => l.body)).toEqual(["checkpoint 4 done", "checkpoint 5 done"]);
    expect(first?.after.map((l) => l.body)).toEqual([
      "checkpoint 6 skipped",
      expect.stringContaining("could not write page 4712"),
    ]);
    expect(first?.line.at).toBe("memory@5");
  });

  it("has the request over all services, parents first, with its lines", () => {
    expect(trail.traces).toHaveLength(1);
    const [trace] = trail.traces;
    expect(trace?.spans.map((s) => [s.entity, s.depth, s.error])).toEqual([
      ["orders", 0, true],
      ["store", 1, true],
    ]);
    expect(trace?.lines.map((l) => l.body)).toEqual(["order 17 received", expect.stringContaining("page 4711")]);
  });

  it("shows no secret, and says what could not be read", async () => {
    const { html, markdown } = await renderReport({ incident, actions: [], generatedMs: T0, trail });
    for (const text of [trailText(trail), html, markdown, JSON.stringify(trail)]) {
      expect(text).not.toContain("hunter2");
      expect(text).toContain("could not write page 4711");
    }
    expect(trail.missing).toEqual(["1 records could not be decoded"]);
  });

  it("reads no more than it is allowed, and says so", async () => {
    const short = await trailOf({ maxBytes: 100 });
    expect(short.groups).toEqual([]);
    expect(short.missing.join()).toContain("looked through");
  });

  it("escapes what would be markup or obeyed by a terminal", async () => {
    const line = { timeMs: T0, entity: "x", severity: 17, body: "<script>\u001b[2J", traceId: "", at: "m@1" };
    const hostile: LogTrail = {
      ...trail,
      groups: [{ entity: "x", template: "<b>", severity: 17, count: 1, lines: [{ line, before: [], after: [] }] }],
    };
    expect(trailText(hostile)).not.toContain("\u001b");
    expect((await renderReport({ incident, actions: [], generatedMs: T0, trail: hostile })).html).not.toContain(
      "<script>",
    );
  });

  it("survives spans that are each other's parents", async () => {
    const circle: Source = {
      ...memory(),
      read: async (position) =>
        position === undefined
          ? [
              span("a", "1111111111111111", "2222222222222222", 900, 1, true),
              span("b", "2222222222222222", "1111111111111111", 901, 1, true),
            ].map((body, i) => ({
              source: "c",
              position: String(i),
              ingestTimeMs: T0 + 9000,
              format: "otlp-traces-json",
              value: Buffer.from(body),
            }))
          : [],
    };
    const { traces } = await readTrail(incident, { sources: [circle], decoders });
    expect(traces[0]?.spans).toHaveLength(2);
  });
});

describe("faultwright incidents logs", () => {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-trail-"));
  const root = resolve(import.meta.dirname, "../../..");
  afterAll(() => rmSync(dir, { recursive: true }));
  const run = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((done) => {
      const all = ["--import", "tsx", join(root, "pipelines/cli/main.ts"), "incidents", "logs", ...args];
      execFile(process.execPath, all, { cwd: root }, (error, out, err) =>
        done({ code: Number(error?.code ?? 0), out, err }),
      );
    });

  it("reads the journal of a data directory, or other files; an unknown incident is bad usage", async () => {
    const store = await openStore(join(dir, "store"));
    await store.commit({
      positions: new Map(),
      state: new Map(),
      outputs: [{ topic: "incidents", key: incident.id, value: JSON.stringify(incident) }],
    });
    await store.close();
    const journal = await openJournal({ dir: join(dir, "journal") });
    for (const [format, body] of INPUT)
      await journal.append({ format, value: Buffer.from(body), ingestTimeMs: T0 + 10_000 });
    await journal.close();
    const json = await run(incident.id, "--data-dir", dir, "--json");
    expect(json.err).toBe("");
    expect((JSON.parse(json.out) as LogTrail).groups).toHaveLength(1);
    const file = join(dir, "more.jsonl");
    writeFileSync(
      file,
      `${INPUT.slice(0, -1)
        .map(([, body]) => body)
        .join("\n")}\n`,
    );
    const text = await run(incident.id, "--data-dir", dir, "--input", file, "--context", "0");
    expect(text.out).toContain("could not write page 4711");
    expect((await run("nobody", "--data-dir", dir)).code).toBe(2);
  }, 60_000);
});
