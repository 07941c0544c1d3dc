/** One version of a model on all entities that it scores: windows in, opinions and would-be anomalies out. */
import { answerAll, type LiveOpinion, noOpinion, type Question } from "../../../models/learned/live-model.ts";
import type { WindowBatch } from "../../core/batches.ts";
import { grown } from "../../core/interning.ts";
import { MODEL_STATES, type ModelPick, type ModelState } from "../../core/live-models.ts";
import type { LiveModelConfig } from "../../core/live-models-config.ts";
import { packedBytes, unpackedBytes } from "../../core/pack.ts";
import type { Anomaly } from "../../core/records.ts";
import type { PutChunk } from "../../core/stage.ts";
import { seriesName, type Tables } from "../../core/tables.ts";
import { floorOf } from "../floors.ts";
import { driftCounts } from "./drift.ts";
import { type EntityRun, freshCourse, freshTally, type SavedRun, SILENT_WINDOWS, stateOf } from "./entity-run.ts";
import { type JudgeOptions, judge } from "./judge.ts";
import { startLevels } from "./levels.ts";
import type { LoadedVersion } from "./library.ts";
import { matching } from "./matching.ts";

export interface RunOptions extends JudgeOptions {
  readonly floors: Readonly<Record<string, number>>;
  /** Most entities that a version scores. */
  readonly mostEntities: number;
}

/** Windows without any value that a model is still told of: after that its past is stale anyway. */
const TOLD_GAPS = 10;
const MOST_TEXT = 300;

/**
 * Scores of windows depend on the rows of each entity alone, not on which entities are there or how many. Memory of an
 * entity: 112 bytes a column, and the model's own running numbers (docs/live-models.md).
 */
export class VersionRun {
  readonly pick: ModelPick;
  readonly counts = { scored: 0, odd: 0, opened: 0 };
  readonly #model: LiveModelConfig;
  readonly #loaded: LoadedVersion;
  readonly #tables: Tables;
  readonly #options: RunOptions;
  readonly #judge: ReturnType<typeof judge>;
  readonly #entityFor: ReturnType<typeof matching>;
  readonly #byEntity = new Map<number, EntityRun>();
  /** By entity id, ascending. */
  #runs: EntityRun[] = [];
  #sorted = true;
  #refused = 0;
  #columns = 0;
  /** Place of each series among the values, + 1; 0 for none. Series met. */
  #place = new Int32Array(0);
  #seen = new Uint8Array(0);
  #values = new Float64Array(0);

  constructor(model: LiveModelConfig, pick: ModelPick, loaded: LoadedVersion, tables: Tables, options: RunOptions) {
    this.pick = pick;
    this.#model = model;
    this.#loaded = loaded;
    this.#tables = tables;
    this.#options = options;
    this.#judge = judge(model.name, tables, options);
    this.#entityFor = matching(model);
  }

  get runs(): readonly EntityRun[] {
    return this.#runs;
  }
  get refused(): number {
    return this.#refused;
  }
  of(entityId: number): EntityRun | undefined {
    return this.#byEntity.get(entityId);
  }

  /** One window: what each entity's model finds is in its run; anomalies are added to `out`. */
  process(w: WindowBatch, out: Anomaly[]): void {
    this.#gather(w);
    if (!this.#sorted) this.#runs.sort((a, b) => a.entityId - b.entityId);
    this.#sorted = true;
    const asked: { run: EntityRun; row: Float64Array; from: number; to: number }[] = [];
    const questions: Question[] = [];
    for (const run of this.#runs) {
      run.odd = false;
      if (run.failed !== "") continue;
      const row = this.#values.slice(run.at, run.at + run.series.length);
      run.course.gaps = row.some(Number.isFinite) ? 0 : run.course.gaps + 1;
      if (run.course.gaps > TOLD_GAPS) {
        this.#judge.fade(run, w, out);
        continue;
      }
      run.dirty = true;
      const from = questions.length;
      try {
        questions.push(...run.model.ask(w.startMs, row));
      } catch (error) {
        questions.length = from;
        this.#fail(run, error, w, out);
        continue;
      }
      asked.push({ run, row, from, to: questions.length });
    }
    const scores = this.#answers(questions);
    for (const { run, row, from, to } of asked) {
      const said = noOpinion();
      try {
        const own = scores instanceof Float64Array ? scores.subarray(from, to) : answerAll(questions.slice(from, to));
        run.model.answer(w.startMs, row, own, said);
        this.#hear(run, w, row, said, out);
      } catch (error) {
        this.#fail(run, error, w, out);
      }
    }
  }

  /** All together; where one breaks that, each alone. */
  #answers(questions: readonly Question[]): Float64Array | undefined {
    try {
      return answerAll(questions);
    } catch {
      return undefined;
    }
  }

  #hear(run: EntityRun, w: WindowBatch, row: Float64Array, said: LiveOpinion, out: Anomaly[]): void {
    const { drift, course } = run;
    for (let d = 0; d < row.length && d < drift.length; d++) drift.add(d, row[d]!);
    if (run.course.gaps > 0 || !Number.isFinite(said.energy)) {
      if (run.course.gaps === 0) course.silent = Math.min(SILENT_WINDOWS, course.silent + 1);
      this.#judge.fade(run, w, out);
      return;
    }
    course.silent = 0;
    if (drift.length > row.length) drift.add(row.length, said.energy / (1 + said.energy));
    const before = run.tally.scored;
    const open = run.open;
    this.#judge.step(run, w, row, said, out);
    this.counts.scored += run.tally.scored - before;
    if (run.odd) this.counts.odd++;
    if (!open && run.open) this.counts.opened++;
  }

  #fail(run: EntityRun, error: unknown, w: WindowBatch, out: Anomaly[]): void {
    run.failed = String((error as Error)?.message ?? error).slice(0, MOST_TEXT) || "it failed";
    run.odd = false;
    run.dirty = true;
    const closed = this.#judge.close(run, w.endMs);
    if (closed) out.push(closed);
  }

  /** Values of the window at the places of their columns; NaN where there is none. */
  #gather(w: WindowBatch): void {
    const count = this.#tables.seriesCount;
    if (count > this.#seen.length) {
      this.#seen = grown(this.#seen, count);
      this.#place = grown(this.#place, count);
    }
    const { seriesIds, value, length } = w;
    for (let i = 0; i < length; i++) if (this.#seen[seriesIds[i]!] === 0) this.#meet(seriesIds[i]!);
    this.#values.fill(Number.NaN);
    for (let i = 0; i < length; i++) {
      const place = this.#place[seriesIds[i]!]!;
      if (place > 0) this.#values[place - 1] = value[i]!;
    }
  }

  /** A series has its first window: perhaps a column of a model, perhaps the first of its entity. */
  #meet(id: number): void {
    this.#seen[id] = 1;
    const entity = this.#tables.entityOf(id);
    const known = this.#byEntity.get(entity.id);
    const loaded = known?.loaded ?? this.#entityFor(this.#loaded, entity);
    if (!loaded) return;
    const series = this.#tables.seriesAt(id)!;
    const name = seriesName(series);
    const { columns } = this.#model;
    const d = loaded.columns.findIndex((c) => (Object.hasOwn(columns, c) ? columns[c] : c) === name);
    if (d < 0) return;
    const run = known ?? this.#begin(entity.id, loaded);
    if (!run || run.series[d]! >= 0) return;
    run.series[d] = id;
    run.floors[d] = floorOf(series, this.#options.floors);
    this.#place[id] = run.at + d + 1;
  }

  #begin(entityId: number, loaded: EntityRun["loaded"], saved?: SavedRun): EntityRun | undefined {
    if (this.#runs.length >= this.#options.mostEntities) {
      this.#refused++;
      return undefined;
    }
    const dims = loaded.columns.length;
    const start = startLevels(dims, loaded.reference);
    let failed = saved?.failed ?? "";
    let model: EntityRun["model"];
    try {
      model = loaded.start(saved?.model);
      if (model.dims !== dims) throw new RangeError(`the model takes ${model.dims} columns, not ${dims}`);
    } catch (error) {
      failed = String((error as Error).message).slice(0, MOST_TEXT);
      model = { dims, ask: () => [], answer: () => {}, explain: () => {}, save: () => ({}) };
    }
    const run: EntityRun = {
      entityId,
      slot: this.#runs.length,
      loaded,
      model,
      at: this.#columns,
      series: new Int32Array(dims).fill(-1),
      floors: new Float64Array(dims),
      level: saved ? Float64Array.from(saved.level) : start.level,
      spread: saved ? Float64Array.from(saved.spread) : start.spread,
      drift: driftCounts(loaded.reference, loaded.rows, saved?.drift),
      course: saved?.course ?? freshCourse(),
      tally: saved?.tally ?? freshTally(),
      open: saved?.open ?? undefined,
      failed,
      odd: false,
      dirty: saved === undefined,
    };
    this.#columns += dims;
    this.#values = grown(this.#values, this.#columns);
    this.#judge.resize(this.#runs.length + 1);
    if (saved) this.#judge.loadTails(run.slot, saved.tails);
    this.#byEntity.set(entityId, run);
    this.#runs.push(run);
    this.#sorted = false;
    return run;
  }

  /** It has another role from now on: what it had opened is over; what it knows stays. */
  release(endMs: number): Anomaly[] {
    const out: Anomaly[] = [];
    for (const run of this.#runs) {
      const closed = this.#judge.close(run, endMs);
      if (!closed) continue;
      run.dirty = true;
      out.push(closed);
    }
    return out;
  }

  byState(): Record<ModelState, number> {
    const out = Object.fromEntries(MODEL_STATES.map((s) => [s, 0])) as Record<ModelState, number>;
    for (const run of this.#runs) out[stateOf(run)]++;
    return out;
  }

  snapshot(put: PutChunk, full: boolean): void {
    for (const run of this.#runs) {
      if (!run.dirty && !full) continue;
      run.dirty = false;
      put(
        String(run.entityId),
        packedBytes({
          model: run.failed === "" ? run.model.save() : {},
          tails: this.#judge.saveTails(run.slot),
          course: run.course,
          level: run.level,
          spread: run.spread,
          drift: run.drift.save(),
          tally: run.tally,
          open: run.open ?? null,
          failed: run.failed,
        } satisfies Record<keyof SavedRun, unknown>),
      );
    }
  }

  restore(chunks: ReadonlyMap<string, Uint8Array>): void {
    for (const [key, bytes] of [...chunks].sort(([a], [b]) => Number(a) - Number(b))) {
      const entity = this.#tables.entities[Number(key)];
      const loaded = entity && this.#entityFor(this.#loaded, entity);
      if (entity && loaded) this.#begin(entity.id, loaded, unpackedBytes<SavedRun>(bytes));
    }
  }
}
