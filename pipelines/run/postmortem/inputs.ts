/** What a post-mortem reads: files and folders of them, each with its format, its first times and its sampling step. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import { DEFAULT_SIGNAL_LIMITS, type Decoder, decoderFor, SignalSink } from "../../core/signals.ts";
import type { Source } from "../../core/source.ts";
import { Tables } from "../../core/tables.ts";
import { detectFormat } from "../../ingest/detect-format.ts";
import { fileSource } from "../../ingest/sources/files.ts";
import { parquetSource } from "../../ingest/sources/parquet.ts";

export interface InputFile {
  readonly path: string;
  /** Name of a decoder. */
  readonly format: string;
  /** Bytes to be read; of a gzip what it unpacks to, as far as its trailer tells; of Parquet rows. */
  readonly sizeBytes: number;
  /** Earliest event time in its beginning; null where nothing there can be read. */
  readonly firstMs: number | null;
  /** Middle step between values of one series, ms; null where there are too few. */
  readonly stepMs: number | null;
}

const SAMPLE_BYTES = 512 * 1024;
const MAX_FILES = 10_000;
/** Not data, whatever folder they lie in. */
const SKIP = /^\.|\.(md|txt\.sha256|sha256|parquet\.crc|yaml|yml|html|png|svg|lock)$/i;

async function walk(path: string, out: string[]): Promise<void> {
  const info = await stat(path).catch((cause) => {
    throw new PipelineError("INPUT_INVALID", path, { detail: (cause as Error).message, cause });
  });
  if (!info.isDirectory()) {
    out.push(path);
    return;
  }
  const names = (await readdir(path)).sort();
  for (const name of names) {
    if (SKIP.test(name)) continue;
    if (out.length > MAX_FILES)
      throw new PipelineError("INPUT_INVALID", path, { detail: `more than ${MAX_FILES} files` });
    await walk(join(path, name), out);
  }
}

async function unpackedBytes(path: string, packed: number): Promise<number> {
  const { open } = await import("node:fs/promises");
  const handle = await open(path, "r");
  try {
    const trailer = Buffer.alloc(4);
    if (packed >= 18) await handle.read(trailer, 0, 4, packed - 4);
    // The trailer holds the size modulo 4 GiB: never less than what is packed.
    let size = trailer.readUInt32LE(0);
    while (size < packed) size += 2 ** 32;
    return size;
  } finally {
    await handle.close();
  }
}

export const PARQUET = "parquet";

/** What reads a file of this format. */
export const sourceOf = ({ path, format }: { path: string; format: string }): Source =>
  format === PARQUET ? parquetSource({ path }) : fileSource({ path, format });

/** The decoder's name for a file, by its extension or what is in it. @throws PipelineError INPUT_INVALID */
async function formatOf(path: string): Promise<string> {
  const known = /\.(csv|jsonl|ndjson)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  if (known === "ndjson") return "jsonl";
  if (known) return known;
  if (/\.parquet$/i.test(path)) return PARQUET;
  const file = fileSource({ path, format: "text" });
  try {
    const head = await file.read(undefined, 1);
    const found = detectFormat(head.map((r) => r.value));
    // Dumps of a collector mix the signals: one decoder reads them all, a line a request.
    if (found && /^otlp-.*-json$/.test(found.format)) return "jsonl";
    if (found && found.format !== "json" && !/-proto$|^prometheus-remote-write$/.test(found.format))
      return found.format;
    throw new PipelineError("INPUT_INVALID", path, {
      detail: head.length === 0 ? "it is empty" : found ? `it looks like ${found.format}` : "its format can't be told",
      hint: "CSV with a column timestamp, JSON lines or OTLP/JSON with a request a line; --format names another",
    });
  } finally {
    await file.close();
  }
}

/** Earliest time and middle step of what the file begins with. A file that can't be decoded says so when it is read. */
async function sample(path: string, format: string, decoders: Readonly<Record<string, Decoder>>) {
  const sink = new SignalSink(new Tables({ entities: 1000, series: 20_000, seriesPerEntity: 20_000 }), {
    ...DEFAULT_SIGNAL_LIMITS,
    maxFutureMs: Number.MAX_SAFE_INTEGER / 2,
  });
  const file = sourceOf({ path, format });
  let firstMs = Number.POSITIVE_INFINITY;
  const times = new Map<number, number[]>();
  try {
    let at: string | undefined;
    for (let bytes = 0; bytes < SAMPLE_BYTES; ) {
      const records = await file.read(at, 64 * 1024);
      if (records.length === 0) break;
      for (const record of records) {
        bytes += record.value.length;
        at = record.position;
        sink.begin(record);
        try {
          decoderFor(decoders, record).decode(record, sink);
        } catch {
          continue;
        }
        const { points, histograms, spans, logs } = sink;
        for (const b of [points, histograms])
          for (let i = 0; i < b.length; i++) {
            const id = b.seriesIds[i] as number;
            const list = times.get(id);
            if (list) list.push(b.timeMs[i] as number);
            else times.set(id, [b.timeMs[i] as number]);
            firstMs = Math.min(firstMs, b.timeMs[i] as number);
          }
        for (let i = 0; i < spans.length; i++) firstMs = Math.min(firstMs, spans.startMs[i] as number);
        for (let i = 0; i < logs.length; i++) firstMs = Math.min(firstMs, logs.timeMs[i] as number);
      }
    }
  } finally {
    await file.close();
  }
  const steps = [...times.values()].flatMap((list) => {
    list.sort((a, b) => a - b);
    const gaps = list.slice(1).flatMap((t, i) => (t > list[i]! ? [t - list[i]!] : []));
    return gaps.length < 3 ? [] : [gaps.sort((a, b) => a - b)[gaps.length >> 1]!];
  });
  steps.sort((a, b) => a - b);
  return { firstMs: Number.isFinite(firstMs) ? firstMs : null, stepMs: steps[steps.length >> 1] ?? null };
}

async function rowsOf(path: string): Promise<number> {
  const file = parquetSource({ path });
  try {
    return await file.rows();
  } finally {
    await file.close();
  }
}

/** Files in the order given, folders walked by name. @throws PipelineError INPUT_INVALID for what can't be read */
export async function inputFiles(
  paths: readonly string[],
  { decoders, format }: { decoders: Readonly<Record<string, Decoder>>; format?: string },
): Promise<InputFile[]> {
  if (format !== undefined && format !== PARQUET && !Object.hasOwn(decoders, format))
    throw new PipelineError("INPUT_INVALID", `format ${format}`, {
      detail: `no decoder has that name; there are ${Object.keys(decoders).sort().join(", ")}`,
    });
  const files: string[] = [];
  for (const path of paths) await walk(path, files);
  const out: InputFile[] = [];
  for (const path of new Set(files)) {
    const { size } = await stat(path);
    if (size === 0) continue;
    const own = format ?? (await formatOf(path));
    const sizeBytes =
      own === PARQUET ? await rowsOf(path) : /\.gz$/i.test(path) ? await unpackedBytes(path, size) : size;
    out.push({ path, format: own, sizeBytes, ...(await sample(path, own, decoders)) });
  }
  if (out.length === 0)
    throw new PipelineError("INPUT_INVALID", paths.join(", "), { detail: "there is nothing to read" });
  return out;
}
