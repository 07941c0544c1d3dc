/** `faultwright score`: tables in, scores out, row by row. */
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { budgetAlarm } from "../../models/stream/budget-alarm.ts";
import { type RowScores, type StreamModel, streamModel } from "../../models/stream/model.ts";
import { PipelineError } from "../core/errors.ts";
import { scoreReason } from "../detect/score-reason.ts";
import { openTable, type Table } from "../ingest/sources/csv-table.ts";
import { tablesBelow } from "./tables-below.ts";

export interface ScoreFileOptions {
  readonly input: string;
  readonly output: string;
  /** A file with a usual past; its columns are found by name. */
  readonly train?: string | undefined;
  /** A model to go on from; it is changed. */
  readonly model?: StreamModel<unknown> | undefined;
  /** Instead of `model`, where it depends on the file. */
  readonly makeModel?: ModelMaker | undefined;
  /** Adds the columns expected, lower, upper, tail and reason. */
  readonly explain?: boolean;
  /** Alarms a week that may come without a cause; undefined: those of the model, as the contract has them. */
  readonly falseAlarmsPerWeek?: number | undefined;
  /** Told of what was amiss in the data, in words. */
  readonly say?: (note: string) => void;
}

/** A model for a file of these columns; undefined: a fresh one. */
export type ModelMaker = (file: string, columns: readonly string[]) => Promise<PreparedModel | undefined>;

export interface PreparedModel {
  readonly model: StreamModel<unknown>;
  /** Where in the file's columns the model's are; without it, the same order. */
  readonly from?: readonly number[];
}

export interface ScoredFile {
  readonly input: string;
  readonly output: string;
  readonly train: string | null;
  readonly rows: number;
  readonly alarms: number;
  readonly columns: number;
}

/** Values of a train file kept at most: 256 MB, its last rows. */
const MOST_TRAIN_VALUES = 32 * 1024 * 1024;
const DIGITS = 12;

/**
 * Scores one file. Memory: the model, one batch of rows, and the train file's last 32 M values. The output is complete or
 * not there. @throws PipelineError on unreadable or unfit input
 */
export async function scoreFile(options: ScoreFileOptions): Promise<ScoredFile & { model: StreamModel<unknown> }> {
  const { input, output, train, explain = false, say = () => {} } = options;
  const table = await openTable(input);
  try {
    const made = await options.makeModel?.(input, table.columns);
    const picked = made?.from === undefined ? table : columnsOf(table, made.from);
    const dims = picked.columns.length;
    const model: StreamModel<unknown> = made?.model ?? options.model ?? streamModel(dims);
    if (model.dims !== dims)
      throw new PipelineError("STATE_MISMATCH", input, {
        detail: `the model is of ${model.dims} columns, the file has ${dims}`,
      });
    if (train !== undefined) await fitFrom(train, picked, model, say);
    const { falseAlarmsPerWeek: perWeek } = options;
    const budget = perWeek === undefined ? undefined : budgetAlarm({ perWeek });
    const counts = await writeScores(picked, model, output, explain, budget);
    if (budget && counts.timed === 0) say(`${input}: no times, so there is no week: no alarm can be raised`);
    for (const note of table.notes()) say(note);
    const { rows, alarms } = counts;
    return { input, output, train: train ?? null, columns: dims, rows, alarms, model };
  } finally {
    table.close();
  }
}

/** A table with some of its columns, in another order. */
function columnsOf(table: Table, from: readonly number[]): Table {
  const width = table.columns.length;
  if (from.length === width && from.every((c, k) => c === k)) return table;
  async function* batches() {
    for await (const batch of table.batches) {
      const values = new Float64Array(batch.rows * from.length);
      for (let i = 0; i < batch.rows; i++)
        for (let k = 0; k < from.length; k++) values[i * from.length + k] = batch.values[i * width + from[k]!]!;
      yield { ...batch, values };
    }
  }
  return { ...table, columns: from.map((c) => table.columns[c]!), batches: batches() };
}

async function fitFrom(
  path: string,
  like: Table,
  model: StreamModel<unknown>,
  say: (note: string) => void,
): Promise<void> {
  const table = await openTable(path);
  try {
    const missing = like.columns.filter((name) => !table.columns.includes(name));
    if (missing.length > 0)
      throw new PipelineError("DECODE_BAD_FIELD", `${path}:1`, {
        detail: `the train file lacks the columns ${missing.slice(0, 5).join(", ")}`,
        hint: "give a file with the columns of the input",
      });
    // by name and, where a name repeats, by the same turn
    const turn = (names: readonly string[], k: number) => names.slice(0, k).filter((n) => n === names[k]).length;
    const from = like.columns.map((name, k) => {
      const places = table.columns.flatMap((n, i) => (n === name ? [i] : []));
      return places[Math.min(turn(like.columns, k), places.length - 1)] as number;
    });
    const [dims, width] = [like.columns.length, table.columns.length];
    const most = Math.max(1000, Math.floor(MOST_TRAIN_VALUES / dims));
    let kept: { times: Float64Array; values: Float64Array }[] = [];
    let [rows, dropped] = [0, 0];
    for await (const batch of table.batches) {
      const values = new Float64Array(batch.rows * dims);
      for (let i = 0; i < batch.rows; i++)
        for (let k = 0; k < dims; k++) values[i * dims + k] = batch.values[i * width + (from[k] as number)] as number;
      kept.push({ times: batch.timesMs.slice(), values });
      rows += batch.rows;
      while (kept.length > 1 && rows - (kept[0]?.times.length ?? 0) >= most) {
        rows -= kept[0]?.times.length ?? 0;
        dropped += kept[0]?.times.length ?? 0;
        kept = kept.slice(1);
      }
    }
    if (dropped > 0) say(`${path}: only the last ${rows} rows are learned from`);
    for (const note of table.notes()) say(note);
    const times = new Float64Array(rows);
    const values = new Float64Array(rows * dims);
    let at = 0;
    for (const part of kept) {
      times.set(part.times, at);
      values.set(part.values, at * dims);
      at += part.times.length;
    }
    model.fit(times, values);
  } finally {
    table.close();
  }
}

async function writeScores(
  table: Table,
  model: StreamModel<unknown>,
  output: string,
  explain: boolean,
  budget: ReturnType<typeof budgetAlarm> | undefined,
) {
  await mkdir(dirname(resolve(output)), { recursive: true });
  const unfinished = `${output}.${process.pid}.part`;
  const file = createWriteStream(unfinished);
  const gzip = output.endsWith(".gz") ? createGzip() : undefined;
  const sink = gzip ?? file;
  if (gzip) gzip.pipe(file);
  const done = finished(file);
  // the failure is thrown by the next write or at the end
  done.catch(() => {});
  const write = async (text: string) => {
    if (file.errored) throw file.errored;
    if (!sink.write(text)) await Promise.race([new Promise<void>((ready) => sink.once("drain", () => ready())), done]);
  };
  let [rows, alarms, timed] = [0, 0, 0];
  /** Least time between two rows so far: what a learned period in rows is in time. */
  let [lastMs, stepMs] = [Number.NaN, Number.NaN];
  try {
    await write(`timestamp,score,alarm${explain ? ",expected,lower,upper,tail,reason" : ""}\n`);
    for await (const batch of table.batches) {
      const column = () => new Float64Array(batch.rows);
      const extra = explain
        ? {
            tail: column(),
            expected: column(),
            scale: column(),
            period: column(),
            column: new Int32Array(batch.rows),
          }
        : {};
      const out: RowScores = { score: column(), alarm: column(), ...extra };
      model.observe(batch.timesMs, batch.values, out);
      let text = "";
      for (let i = 0; i < batch.rows; i++) {
        const timeMs = batch.timesMs[i] as number;
        if (Number.isFinite(timeMs)) timed++;
        if (timeMs > lastMs) stepMs = stepMs > 0 ? Math.min(stepMs, timeMs - lastMs) : timeMs - lastMs;
        lastMs = timeMs;
        const alarm = budget ? budget.step(timeMs, out.score[i] as number) : (out.alarm[i] as number);
        if (alarm > 0) alarms++;
        text += `${quoted(batch.timestamps[i] as string)},${(out.score[i] as number).toFixed(DIGITS)},${alarm > 0 ? alarm.toFixed(DIGITS) : "0"}`;
        text += explain ? `,${explained(table, batch.values, { timeMs, stepMs }, out, i)}\n` : "\n";
      }
      rows += batch.rows;
      await write(text);
    }
    sink.end();
    await done;
    await rename(unfinished, output);
  } catch (error) {
    sink.destroy();
    await rm(unfinished, { force: true });
    if (error instanceof PipelineError || !(error as NodeJS.ErrnoException).syscall) throw error;
    throw new PipelineError("SOURCE_UNREADABLE", output, { detail: (error as Error).message, cause: error });
  }
  return { rows, alarms, timed };
}

const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function explained(
  table: Table,
  values: Float64Array,
  when: { timeMs: number; stepMs: number },
  out: RowScores,
  i: number,
): string {
  const column = out.column?.[i] ?? -1;
  const [expected, scale] = [out.expected?.[i] ?? Number.NaN, out.scale?.[i] ?? Number.NaN];
  const tail = (out.tail?.[i] ?? 1).toPrecision(6);
  if (column < 0 || !Number.isFinite(expected)) return `,,,${tail},`;
  const reason = scoreReason({
    metric: table.columns[column] as string,
    value: values[i * table.columns.length + column] as number,
    expected,
    ...when,
    period: out.period?.[i] ?? 0,
    named: table.columns.length > 1,
  });
  return `${expected},${expected - 3 * scale},${expected + 3 * scale},${tail},${quoted(reason)}`;
}

export interface ScoreTreeOptions {
  readonly input: string;
  readonly output: string;
  /** A file for every input, or a folder: see `trainFor`. */
  readonly train?: string | undefined;
  /** The model that a file begins with; what a registered version says of its columns may refuse it. */
  readonly makeModel?: ModelMaker;
  readonly explain?: boolean;
  /** Of all files together: each gets its share. */
  readonly falseAlarmsPerWeek?: number | undefined;
  readonly say?: (note: string) => void;
  readonly each?: (file: ScoredFile) => void;
}

const TABLE = /\.csv(\.gz)?$/i;

/**
 * Scores every `.csv` and `.csv.gz` below a folder into the same places below another, `.gz` left off. A file that can't be
 * scored is told and passed over. Gives what was done and what failed.
 */
export async function scoreTree(options: ScoreTreeOptions): Promise<{ files: ScoredFile[]; failed: number }> {
  const { input, output, train, makeModel, explain, say = () => {}, each = () => {} } = options;
  const names = await tablesBelow(input, TABLE, output);
  if (names.length === 0)
    throw new PipelineError("SOURCE_UNREADABLE", input, { detail: "the folder holds no .csv or .csv.gz" });
  const share = options.falseAlarmsPerWeek === undefined ? undefined : options.falseAlarmsPerWeek / names.length;
  const trainIsFile = train !== undefined && (await stat(train)).isFile();
  const files: ScoredFile[] = [];
  let failed = 0;
  for (const name of names) {
    const to = join(output, name.replace(/\.gz$/i, ""));
    const from = join(input, name);
    if (resolve(to) === resolve(from))
      throw new PipelineError("CONFIG_INVALID", to, { detail: "input and output are the same file" });
    const with_ = trainIsFile ? train : trainFor(name, train, input);
    try {
      const scored = await scoreFile({
        input: from,
        output: to,
        train: with_,
        makeModel,
        explain,
        say,
        falseAlarmsPerWeek: share,
      });
      const { model: _, ...file } = scored;
      files.push(file);
      each(file);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      failed++;
      say(error.message);
    }
  }
  return { files, failed };
}

/**
 * The train file of `a/x.test.csv` in a folder: `a/x.train.csv` there; of `a/x.csv`: `a/x.train.csv`; and where the folder is
 * not that of the input, the same name. Each with or without `.gz`.
 */
export function trainFor(name: string, folder: string | undefined, input: string): string | undefined {
  if (folder === undefined) return undefined;
  const stem = basename(name).replace(TABLE, "");
  if (stem.endsWith(".train") && resolve(folder) === resolve(input)) return undefined;
  const names = [
    `${stem.replace(/\.test$/, "")}.train`,
    ...(resolve(folder) === resolve(input) ? [] : [stem, stem.replace(/\.test$/, "")]),
  ];
  return names
    .flatMap((n) => [".csv", ".csv.gz"].map((end) => join(folder, dirname(name), `${n}${end}`)))
    .find((path) => existsSync(path));
}

export { loadStreamModel, type StreamModelState } from "../../models/stream/model.ts";
