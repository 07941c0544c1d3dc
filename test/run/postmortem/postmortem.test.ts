import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { Incident } from "../../../pipelines/core/records.ts";
import { type PostmortemReport, postmortemJsonSchema } from "../../../pipelines/core/schemas/postmortem.ts";
import { type PostmortemOptions, postmortem, postmortemOfStore } from "../../../pipelines/run/postmortem/postmortem.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { writeSignals } from "../../chaos/signals.ts";

const START_MS = 1_760_000_000_000;
const dir = mkdtempSync(join(tmpdir(), "faultwright-postmortem-"));
const log = pino({ level: "silent" });
const CONFIG = { windows: { window: "5s", lateness: "5s" }, incidents: { quiet: "30s", reopen: "60s" } };
let paths: string[] = [];
beforeAll(() => {
  mkdirSync(join(dir, "in"));
  paths = writeSignals(join(dir, "in"), { seed: 5, minutes: 31 });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (out: string, more: Partial<PostmortemOptions> = {}): Promise<PostmortemReport> =>
  postmortem({
    config: parseConfig(JSON.stringify(CONFIG)),
    input: [join(dir, "in")],
    outDir: join(dir, out),
    clock: systemClock,
    log,
    ...more,
  });
/** Writes what a query gives. */
async function parquet(query: string, path: string): Promise<void> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  connection.closeSync();
  instance.closeSync();
}
const outputs = (out: string) =>
  readdirSync(join(dir, out), { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile())
    .map((f) => join(f.parentPath, f.name))
    .sort()
    .map((path) => [path.slice(join(dir, out).length), readFileSync(path, "utf8")]);
const known = (start: number, end: number, id: string, service = "payment") => ({
  id,
  service,
  severity: "",
  mode: "",
  startMs: START_MS + start * 1000,
  detectedMs: null,
  acknowledgedMs: null,
  mitigatedMs: null,
  resolvedMs: START_MS + end * 1000,
  byChange: null,
  repairs: null,
  writes: { acknowledged: 100, lost: 1 },
  injected: null,
});

describe("post-mortem", () => {
  let report: PostmortemReport;
  beforeAll(async () => {
    report = await run("plain", {
      known: [known(300, 360, "K1"), known(900, 960, "K2"), known(700, 720, "K3", "orders")],
    });
  }, 60_000);

  it("finds the faults, and tells them from what is only listed", () => {
    expect(report.known).toMatchObject({ found: 2, missed: 1, duplicates: 0 });
    expect(report.known?.list.map((k) => [k.id, k.outcome])).toEqual([
      ["K1", "found"],
      ["K3", "missed"],
      ["K2", "found"],
    ]);
    expect(report.incidents.map((i) => i.cause?.name)).toEqual(["payment", "payment", "payment"]);
    expect(report.reliability.figures.find((f) => f.key === "dataLoss")?.value).toBeCloseTo(0.01);
  });

  it("writes pages that load nothing from outside, and JSON of the published schema", () => {
    const html = readFileSync(join(dir, "plain/postmortem.html"), "utf8");
    expect(html).not.toMatch(/<script|src="|url\((?!#)|@import|undefined|NaN/);
    for (const i of report.incidents) expect(existsSync(join(dir, "plain", i.report as string))).toBe(true);
    expect(readFileSync(join(dir, "plain/postmortem.md"), "utf8")).toContain("2 of 3 known incidents seen");
    const fits = new Ajv2020({ strict: false }).compile(postmortemJsonSchema());
    expect(
      fits(JSON.parse(readFileSync(join(dir, "plain/postmortem.json"), "utf8"))),
      JSON.stringify(fits.errors),
    ).toBe(true);
    expect(existsSync(join(dir, "plain/.work"))).toBe(false);
  });

  it("has found exactly what the stream finds, and reads it from the stream's store too", async () => {
    const config = parseConfig(
      JSON.stringify({ ...CONFIG, dataDir: join(dir, "live"), sources: [{ kind: "files", paths }] }),
    );
    const live = await stream({ config, clock: systemClock, log });
    await live.ended;
    await live.stop();
    const store = await openStore(join(dir, "live/store"));
    const incidents = (await store.latest("incidents", { oldestFirst: true })).map(
      (r) => JSON.parse(r.value) as Incident,
    );
    const stored = await postmortemOfStore(store, {
      system: "default",
      windowMs: 5000,
      outDir: join(dir, "of-store"),
      toMs: report.toMs,
      fromMs: report.fromMs,
      clock: systemClock,
    });
    const full = (r: PostmortemReport) =>
      r.incidents.map((i) => [i.id, i.severity, i.startMs, i.detectedMs, i.resolvedMs]);
    expect(full(stored)).toEqual(full(report));
    expect(existsSync(join(dir, "of-store", stored.incidents[0]?.report as string))).toBe(true);
    await store.close();
    const short = (i: Pick<Incident, "id" | "severity" | "state">) => `${i.id} ${i.severity} ${i.state}`;
    expect(report.incidents.map((i) => short({ ...i, id: i.incidentId }))).toEqual(incidents.map(short));
  }, 60_000);

  it("reads gzip and files of one stretch after another as if they were one, and clips to the range", async () => {
    mkdirSync(join(dir, "parts"));
    for (const [i, path] of paths.entries()) {
      const [head = "", ...lines] = readFileSync(path, "utf8").split("\n");
      const csv = path.endsWith(".csv");
      const rows = csv ? lines : [head, ...lines];
      const half = Math.floor(rows.length / 2);
      // Names that sort against time.
      for (const [name, part] of [
        ["b", rows.slice(0, half)],
        ["a", rows.slice(half)],
      ] as const)
        writeFileSync(
          join(dir, `parts/${name}-${i}.${csv ? "csv" : "jsonl"}.gz`),
          gzipSync(`${csv ? `${head}\n` : ""}${part.join("\n")}\n`),
        );
    }
    const parts = await run("parts-out", { input: [join(dir, "parts")] });
    expect(parts.incidents.map((i) => [i.incidentId, i.detectedMs])).toEqual(
      report.incidents.map((i) => [i.incidentId, i.detectedMs]),
    );
    expect(parts.data.rows).toBe(report.data.rows);
    const ranged = await run("ranged", { fromMs: START_MS + 600_000, toMs: START_MS + 1_200_000, tailMs: 300_000 });
    expect(ranged.incidents.map((i) => i.incidentId)).toEqual([report.incidents[1]?.incidentId]);
    expect(ranged.reliability.observedHours).toBeCloseTo(1 / 6, 2);
  }, 60_000);

  it("reads Parquet as it reads the CSV that it came from", async () => {
    mkdirSync(join(dir, "columns"));
    for (const [i, path] of paths.entries())
      if (path.endsWith(".csv"))
        await parquet(
          // A time as Parquet has it, a column that is no number, and one of another type.
          `SELECT * REPLACE (make_timestamp_ms(timestamp) AS timestamp), 'v1' AS note FROM read_csv('${path}')`,
          join(dir, `columns/${i}.parquet`),
        );
      else writeFileSync(join(dir, `columns/${i}.jsonl`), readFileSync(path));
    const same = await run("columns-out", { input: [join(dir, "columns")] });
    expect(same.inputs.map((i) => i.format)).toContain("parquet");
    expect(same.data.rows).toBe(report.data.rows);
    expect(same.incidents.map((i) => [i.incidentId, i.detectedMs, i.headline])).toEqual(
      report.incidents.map((i) => [i.incidentId, i.detectedMs, i.headline]),
    );
  }, 60_000);

  it("reads the journal of a pipeline by its config", async () => {
    const live = parseConfig(
      JSON.stringify({
        ...CONFIG,
        dataDir: join(dir, "piped"),
        sources: [{ kind: "otlp-http", port: 0 }],
        selfObserve: false,
      }),
    );
    const { openJournal } = await import("../../../pipelines/runtime/embedded/journal.ts");
    const journal = await openJournal({ dir: join(dir, "piped/journal"), clock: systemClock });
    const [csv = [], jsonl = []] = paths.map((p) => readFileSync(p, "utf8").trim().split("\n"));
    const head = csv.shift();
    // Five seconds a request, as senders do it.
    for (let endMs = START_MS + 5000, c = 0, j = 0; c < csv.length; endMs += 5000) {
      const [fromC, fromJ] = [c, j];
      while (c < csv.length && Number((csv[c] as string).split(",", 1)[0]) < endMs) c++;
      while (j < jsonl.length) {
        const at = /"time":"([^"]+)"/.exec(jsonl[j] as string)?.[1];
        if (at !== undefined && Date.parse(at) >= endMs) break;
        j++;
      }
      await journal.append({ format: "csv", value: Buffer.from([head, ...csv.slice(fromC, c)].join("\n")) });
      await journal.append({ format: "jsonl", value: Buffer.from(jsonl.slice(fromJ, j).join("\n")) });
    }
    await journal.close();
    const ofJournal = await postmortem({ config: live, outDir: join(dir, "of-journal"), clock: systemClock, log });
    expect(ofJournal.data.rows).toBe(report.data.rows);
    const when = (r: PostmortemReport) =>
      r.incidents.map((i) => [i.incidentId, i.severity, i.detectedMs, i.cause?.name]);
    expect(when(ofJournal)).toEqual(when(report));
  }, 60_000);

  it.each([
    ["no such file", ["nowhere.csv"], /INPUT_INVALID at nowhere.csv/],
    ["an empty file", ["empty.csv"], /nothing to read/],
    ["what is no Parquet", ["x.parquet"], /SOURCE_UNREADABLE at .*x.parquet/],
    ["Parquet without a time", ["no-time.parquet"], /DECODE_BAD_FIELD.*no column `timestamp`/],
    ["bytes of no format", ["x.bin"], /format can't be told/],
  ])("refuses %s with its place", async (_, names, message) => {
    writeFileSync(join(dir, "empty.csv"), "");
    writeFileSync(join(dir, "x.parquet"), "PAR1");
    await parquet("SELECT 1 AS a, 2 AS b", join(dir, "no-time.parquet"));
    writeFileSync(join(dir, "x.bin"), Buffer.from([0, 255, 3, 1, 0, 9]));
    const input = names.map((n) => (n.startsWith("nowhere") ? n : join(dir, n)));
    await expect(run("refused", { input })).rejects.toThrow(message);
  });

  it("bears broken rows, and says what it left out", async () => {
    const rows = ["\ufefftimestamp,service,latency_ms,error_ratio"];
    for (let s = 0; s < 900; s++) rows.push(`${START_MS / 1000 + s},a,${s % 100 === 7 ? "NaN" : 20 + (s % 5)},0\r`);
    rows.push("not,a,row", `${START_MS - 9e6},a,1,1`, "");
    writeFileSync(join(dir, "broken.csv"), rows.join("\n"));
    const broken = await run("broken-out", { input: [join(dir, "broken.csv")] });
    expect(broken.incidents).toEqual([]);
    expect(broken.data.refused.map((r) => r.code)).toEqual(
      expect.arrayContaining(["VALUE_NOT_FINITE", "DECODE_BAD_FIELD"]),
    );
    expect(broken.headline).toMatch(/^No incident/);
  }, 30_000);
});

describe("a post-mortem that is killed", () => {
  const main = new URL("../../../pipelines/cli/main.ts", import.meta.url).pathname;
  const start = (out: string) =>
    spawn(
      process.execPath,
      ["--import", "tsx", main, "postmortem", "--input", join(dir, "long"), "--out", join(dir, out), "--window", "1s"],
      { stdio: ["ignore", "ignore", "pipe"] },
    );

  it("goes on where it was, and writes what an undisturbed one writes", async () => {
    mkdirSync(join(dir, "long"));
    writeSignals(join(dir, "long"), { seed: 3, minutes: 300 });
    const [calm] = (await once(start("calm"), "exit")) as [number];
    expect(calm).toBe(0);
    let kills = 0;
    for (let code: number | null = null; code !== 0; ) {
      const child = start("stormy");
      const ended = once(child, "exit") as Promise<[number | null]>;
      // The first line of progress comes with the first commit.
      child.stderr.on("data", () => kills < 1 && child.kill("SIGKILL"));
      [code] = await ended;
      if (code === null) kills += 1;
    }
    expect(kills).toBeGreaterThanOrEqual(1);
    expect(outputs("stormy")).toEqual(outputs("calm"));
  }, 300_000);

  it("is not mixed with another one", async () => {
    mkdirSync(join(dir, "mixed/.work"), { recursive: true });
    writeFileSync(join(dir, "mixed/.work/run.json"), "other");
    await expect(run("mixed")).rejects.toThrow(/STATE_MISMATCH.*--fresh/s);
    expect((await run("mixed", { fresh: true })).incidents.length).toBe(3);
  }, 60_000);
});
