/** Recorded input through the windows of the running pipeline, as tables: training sees what a live model will see. */
import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import type { Message } from "../../core/records.ts";
import { isSelf } from "../../core/self.ts";
import { seriesName, Tables } from "../../core/tables.ts";
import { engine } from "../../runtime/embedded/engine.ts";
import { assemble } from "../assemble.ts";
import { forgetfulStore } from "../forgetful-store.ts";
import { resolveFormats } from "../formats.ts";
import { closeAll, recordedConfig, recordedSources } from "../recorded-sources.ts";

export interface ExportOptions {
  readonly config: Config;
  readonly out: string;
  /** Windows that begin in [fromMs, toMs). */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** Names of metrics, `*` for any text; without, all. */
  readonly metrics?: readonly string[] | undefined;
  /** A series with a value in fewer of its entity's windows than this share is left out. */
  readonly leastShare: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ExportedEntity {
  readonly entity: string;
  readonly file: string;
  readonly rows: number;
  readonly columns: number;
  /** Series left out, as they are too seldom there. */
  readonly seldom: number;
}

/** Values that are held at most: 512 MB. Training takes 32 M. */
const MOST_VALUES = 32 * 1024 * 1024;

interface Held {
  readonly rows: { timeMs: number; ids: Uint32Array; values: Float64Array }[];
  readonly counts: Map<number, number>;
}

/** @throws PipelineError on unreadable sources, no windows, or more than 32 M values */
export async function exportWindows(options: ExportOptions): Promise<ExportedEntity[]> {
  const { out, clock, log, fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = options;
  const config = await resolveFormats(recordedConfig(options.config), () => {});
  const wanted = options.metrics?.map(
    (glob) => new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`, "su"),
  );
  const sources = await recordedSources(config, { clock, onWarning: (text) => log.warn(text) });
  const tables = new Tables(config.limits);
  const held = new Map<number, Held>();
  let left = MOST_VALUES;

  const collect = (message: Message) => {
    if (message.type === "tables") return tables.load(message);
    if (message.type !== "windows") return;
    const { startMs, seriesIds, value, length } = message.batch;
    if (!(startMs >= fromMs && startMs < toMs)) return;
    const byEntity = new Map<number, [number[], number[]]>();
    for (let i = 0; i < length; i++) {
      const id = seriesIds[i]!;
      const entity = tables.entityOf(id);
      if (isSelf(entity.name)) continue;
      if (wanted && !wanted.some((w) => w.test(tables.seriesAt(id)!.metric))) continue;
      const own = byEntity.get(entity.id) ?? [[], []];
      byEntity.set(entity.id, own);
      own[0].push(id);
      own[1].push(value[i]!);
    }
    for (const [entityId, [ids, values]] of byEntity) {
      const own: Held = held.get(entityId) ?? { rows: [], counts: new Map<number, number>() };
      held.set(entityId, own);
      own.rows.push({ timeMs: startMs, ids: Uint32Array.from(ids), values: Float64Array.from(values) });
      for (const id of ids) own.counts.set(id, (own.counts.get(id) ?? 0) + 1);
      left -= ids.length;
    }
    if (left < 0)
      throw new PipelineError("LIMIT_BYTES", out, {
        detail: `the windows hold more than ${MOST_VALUES} values`,
        hint: "give --from and --to, or --metric",
      });
  };
  try {
    const { detect } = config;
    const { features } = assemble({ ...config, detect: { ...detect, models: { ...detect.models, use: [] } } });
    const next = { name: "export", version: 1, process: collect, snapshot: () => {}, restore: () => {} };
    const run = engine({ sources, store: forgetfulStore, head: features, next: [next], commitDue: () => false });
    await run.restore();
    while (!(await run.drain())) await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    await closeAll(sources);
  }
  if (held.size === 0)
    throw new PipelineError("INPUT_INVALID", out, {
      detail: "there is no window with values",
      hint: "check the range and the metrics; of a running pipeline's journal the last windows are still open",
    });
  await mkdir(out, { recursive: true });
  const done: ExportedEntity[] = [];
  for (const [id, own] of [...held].sort(([a], [b]) => a - b)) {
    const entity = tables.entities[id]!;
    const twin = tables.entities.some((e) => e.name === entity.name && e.kind !== entity.kind && held.has(e.id));
    const name = twin ? `${entity.kind}:${entity.name}` : entity.name;
    const kept = [...own.counts].filter(([, n]) => n >= options.leastShare * own.rows.length).map(([s]) => s);
    const columns = kept
      .map((s) => ({ id: s, name: seriesName(tables.seriesAt(s)!) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const seldom = own.counts.size - columns.length;
    if (columns.length === 0) continue;
    const file = join(out, fileName(name));
    await writeFile(`${file}.part`, csvOf(name, columns, own));
    await rename(`${file}.part`, file);
    done.push({ entity: name, file, rows: own.rows.length, columns: columns.length, seldom });
  }
  return done;
}

function csvOf(entity: string, columns: readonly { id: number; name: string }[], { rows }: Held): string {
  const place = new Map(columns.map(({ id }, k) => [id, k]));
  const lines = [["timestamp", "entity", ...columns.map((c) => c.name)].map(quoted).join(",")];
  for (const { timeMs, ids, values } of rows) {
    const cells = new Array<string>(columns.length).fill("");
    ids.forEach((id, i) => {
      const k = place.get(id);
      if (k !== undefined) cells[k] = String(values[i]);
    });
    lines.push(`${new Date(timeMs).toISOString()},${quoted(entity)},${cells.join(",")}`);
  }
  return `${lines.join("\n")}\n`;
}

const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Different entities have different files, whatever their names hold. */
function fileName(entity: string): string {
  const plain = entity.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 100);
  const hash = createHash("sha256").update(entity).digest("hex").slice(0, 8);
  return plain === entity && !entity.startsWith(".") ? `${plain}.csv` : `${plain}-${hash}.csv`;
}
