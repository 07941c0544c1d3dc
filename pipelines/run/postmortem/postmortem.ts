/** Post-mortem of a range: the stream's stages over the past, one report for all that they find. */
import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import type { Action, Incident } from "../../core/records.ts";
import type { OutageRecord } from "../../core/reliability.ts";
import type { PostmortemReport } from "../../core/schemas/postmortem.ts";
import type { Source } from "../../core/source.ts";
import type { Store } from "../../core/store.ts";
import type { KnownOptions } from "../../measure/known-incidents.ts";
import { renderPostmortem } from "../../report/postmortem/render.ts";
import { renderReport } from "../../report/report.ts";
import { decodersOf, resolveFormats } from "../formats.ts";
import { recordedConfig, recordedSources } from "../recorded-sources.ts";
import { buildPostmortem } from "./build.ts";
import { filePart } from "./file-parts.ts";
import { allLatest, type FoundRow, foundIncidents, ownWarning } from "./found.ts";
import { type InputFile, inputFiles } from "./inputs.ts";
import { forgetRun, type Progress, replayRange } from "./replay.ts";
import { pacedConfig } from "./windows-for.ts";

export interface PostmortemOptions {
  /** Its sources are read where there is no `input`: journal, Kafka topics, files. */
  readonly config: Config;
  /** Files and folders. */
  readonly input?: readonly string[];
  readonly format?: string;
  /** Undefined: from the first row on, to the last. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Read on for this long after the range, to see what began in it end. */
  readonly tailMs?: number;
  readonly outDir: string;
  readonly known?: readonly OutageRecord[];
  readonly knownOptions?: KnownOptions;
  readonly objective?: number;
  readonly units?: number;
  /** Choose windows by how often the data were sampled. */
  readonly paceByData?: boolean;
  readonly fresh?: boolean;
  readonly warnings?: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly onProgress?: (progress: Progress) => void;
}

const WORK = ".work";
const TAIL_MS = 3_600_000;
/** Pages of their own get the first so many by severity and length. */
const PAGES = 200;
const DAY_MS = 86_400_000;
const FOREVER = Number.MAX_SAFE_INTEGER / 2;

interface Range {
  readonly config: Config;
  readonly sources: readonly Source[];
  readonly inputs: readonly InputFile[];
  readonly signature: unknown;
}

/** Writes `postmortem.html`, `.md`, `.json` and a page for each incident into `outDir`. Resumes an unfinished run there. */
export async function postmortem(options: PostmortemOptions): Promise<PostmortemReport> {
  const { outDir, fromMs = 0, clock, log, onProgress, known } = options;
  const toMs = options.toMs ?? FOREVER;
  if (fromMs >= toMs)
    throw new PipelineError("INPUT_INVALID", "range", {
      detail: "it ends before it begins",
      hint: "give --from before --to",
    });
  const untilMs = toMs === FOREVER ? FOREVER : toMs + (options.tailMs ?? TAIL_MS);
  const workDir = join(outDir, WORK);
  if (options.fresh) await forgetRun(workDir);
  await mkdir(workDir, { recursive: true });
  const range = options.input ? await fileRange(options, untilMs) : await configRange(options.config, clock, log);
  const { config, sources, inputs } = range;
  const signature = createHash("sha256")
    .update(JSON.stringify([range.signature, untilMs, config.windows, config.incidents, config.detect, config.limits]))
    .digest("hex");
  let replayed: Awaited<ReturnType<typeof replayRange>>;
  try {
    replayed = await replayRange({
      config,
      sources,
      workDir,
      signature,
      untilMs,
      clock,
      shareOf: shareOf(inputs),
      ...(onProgress ? { onProgress } : {}),
    });
  } finally {
    for (const s of sources) await s.close();
  }
  const { store, coverage } = replayed;
  try {
    const { rows, own } = await foundIncidents(store, { fromMs, toMs });
    const report = buildPostmortem({
      system: config.system,
      fromMs: fromMs || coverage.firstMs,
      toMs: toMs === FOREVER ? coverage.lastMs : toMs,
      windowMs: config.windows.window,
      rows,
      coverage,
      inputs: sources.map((s) => {
        const file = inputs.find((f) => s.name === `file:${f.path}`);
        const seen = coverage.sources[s.name];
        return {
          name: s.name,
          format: file?.format ?? s.name.split(":", 1)[0]!,
          rows: seen?.rows ?? 0,
          firstMs: file?.firstMs ?? seen?.firstMs ?? null,
          lastMs: seen?.lastMs ?? null,
        };
      }),
      known,
      knownOptions: options.knownOptions ?? {},
      objective: options.objective,
      units: options.units,
      warnings: [...(options.warnings ?? []), ...ownWarning(own)],
    });
    const written = await writePostmortem(outDir, report, store, rows);
    await store.close();
    await forgetRun(workDir);
    return written;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The range as a pipeline saw it: its store's incidents, nothing computed again. */
export async function postmortemOfStore(
  store: Store,
  options: Pick<PostmortemOptions, "fromMs" | "toMs" | "outDir" | "known" | "knownOptions" | "objective" | "units"> & {
    readonly system: string;
    readonly windowMs: number;
    readonly warnings?: readonly string[];
    readonly clock: Clock;
  },
): Promise<PostmortemReport> {
  const { rows, own } = await foundIncidents(store, { fromMs: options.fromMs ?? 0, toMs: options.toMs ?? FOREVER });
  const { fromMs = rows[0]?.incident.startMs ?? 0, toMs = options.clock.nowMs() } = options;
  await mkdir(options.outDir, { recursive: true });
  const report = buildPostmortem({
    ...options,
    fromMs,
    toMs,
    rows,
    coverage: undefined,
    inputs: [],
    known: options.known,
    knownOptions: options.knownOptions ?? {},
    objective: options.objective,
    units: options.units,
    warnings: [...(options.warnings ?? []), ...ownWarning(own)],
  });
  return writePostmortem(options.outDir, report, store, rows);
}

async function fileRange(options: PostmortemOptions, untilMs: number): Promise<Range> {
  const { input = [], format, clock } = options;
  const files = await inputFiles(input, {
    decoders: decodersOf(options.config),
    ...(format === undefined ? {} : { format }),
  });
  const config = options.paceByData ? pacedConfig(options.config, files) : options.config;
  const { window, lateness } = config.windows;
  const firstMs = files.reduce((m, f) => Math.min(m, f.firstMs ?? m), Number.POSITIVE_INFINITY);
  // Rows of a file are not from later than its last writing, unless its own time was lost on the way here.
  // To the day, so that a run that goes on later sees the same.
  const todayMs = Math.ceil(clock.nowMs() / DAY_MS) * DAY_MS;
  const arrivedMs = untilMs === FOREVER ? todayMs : Math.max(todayMs, untilMs);
  const sources = files.map((f) => {
    const begins = f.firstMs === null ? null : f.firstMs - lateness;
    return filePart(f, { markMs: begins !== null && begins - firstMs > 2 * window ? begins : null, arrivedMs });
  });
  const paths = files.map((f) => [f.path, f.format, f.sizeBytes]);
  return { config, sources, inputs: files, signature: paths };
}

async function configRange(given: Config, clock: Clock, log: Logger): Promise<Range> {
  if (given.sources.some((s) => s.kind === "files"))
    throw new PipelineError("CONFIG_INVALID", "sources", {
      detail: "files of a config are not read by a post-mortem",
      hint: "name them with --input",
    });
  const config = await resolveFormats(recordedConfig(given), (topic, found) =>
    log.info({ topic, ...found }, "format told from a sample"),
  );
  const sources = await recordedSources(config, { clock, onWarning: (text) => log.warn(text) });
  return { config, sources, inputs: [], signature: sources.map((s) => s.name) };
}

/** Of files alone: how much a topic holds between two offsets is not known. */
function shareOf(inputs: readonly InputFile[]) {
  // Rows of a Parquet file stand beside bytes of others: a folder holds one kind as a rule, and it is an estimate.
  const total = inputs.reduce((sum, f) => sum + f.sizeBytes, 0);
  return (positionOf: (source: string) => string | undefined): number | null => {
    if (total === 0) return null;
    let done = 0;
    for (const f of inputs) {
      const position = positionOf(`file:${f.path}`);
      if (!position?.startsWith("{")) continue;
      done += Math.min(f.sizeBytes, (JSON.parse(position) as { offset: number }).offset);
    }
    return done / total;
  };
}

const SEVERITY = { critical: 2, major: 1, minor: 0 } as const;

async function writePostmortem(
  outDir: string,
  report: PostmortemReport,
  store: Store,
  rows: readonly FoundRow[],
): Promise<PostmortemReport> {
  const lengthOf = (r: FoundRow) => (r.incident.resolvedMs ?? report.toMs) - r.incident.startMs;
  const ids = [...rows]
    .sort((a, b) => SEVERITY[b.incident.severity] - SEVERITY[a.incident.severity] || lengthOf(b) - lengthOf(a))
    .map((r) => r.incident.incidentId);
  const pages = new Map(
    [...new Set(ids)].slice(0, PAGES).map((id) => [id, `incidents/${id.replace(/[^\w-]/g, "_")}.html`]),
  );
  const write = async (name: string, text: string) => {
    await writeFile(join(outDir, `${name}.tmp`), text);
    await rename(join(outDir, `${name}.tmp`), join(outDir, name));
  };
  const actions: Action[] = [];
  for await (const a of allLatest<Action>(store, "actions")) if (pages.has(a.plan.incidentId)) actions.push(a);
  if (pages.size > 0) await mkdir(join(outDir, "incidents"), { recursive: true });
  for (const [id, page] of pages) {
    const [latest] = await store.latest("incidents", { key: id });
    if (!latest) continue;
    const incident = JSON.parse(latest.value) as Incident;
    // The page is as of the end of the range, whenever it is written.
    const { html } = await renderReport({ incident, actions, generatedMs: report.toMs });
    await write(page, html);
  }
  const full: PostmortemReport = {
    ...report,
    incidents: report.incidents.map((i) => ({ ...i, report: pages.get(i.incidentId) ?? null })),
  };
  const { html, markdown } = renderPostmortem(full);
  await write("postmortem.html", html);
  await write("postmortem.md", markdown);
  await write("postmortem.json", `${JSON.stringify(full, null, 1)}\n`);
  return full;
}
