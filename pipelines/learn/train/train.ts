import { createHash } from "node:crypto";
import type { LearnedModel, LearnedState } from "../../../models/learned/learned-model.ts";
import { type EntityHistory, slice } from "../../core/history.ts";
import { referenceBins } from "../drift/psi.ts";
import type { DataRange, TrainedEntity } from "../registry/manifest.ts";
import type { Draft } from "../registry/version-files.ts";
import type { Candidate } from "./candidate.ts";
import { fitCandidate } from "./fit.ts";
import { type SearchOptions, search } from "./search.ts";

export interface TrainOptions extends SearchOptions {
  readonly name: string;
  readonly say?: (note: string) => void;
}

export interface Trained {
  readonly draft: Draft;
  readonly state: Readonly<Record<string, LearnedState>>;
}

const FINGERPRINT_ROWS = 64;

/**
 * A version from histories: the candidate that cross-validation chose, fitted to every entity's rows. Same histories, seed
 * and trials: the same bytes.
 */
export async function train(options: TrainOptions): Promise<Trained> {
  const { entities, seed, name, say = () => {} } = options;
  const found = await search(options);
  const state: Record<string, LearnedState> = {};
  const trained: TrainedEntity[] = [];
  for (const history of entities) {
    let candidate = found.chosen;
    let model: LearnedModel;
    try {
      model = await fitCandidate(candidate, history, seed);
    } catch (error) {
      if (!(error instanceof RangeError) || candidate.kind === "stream") throw error;
      candidate = { kind: "stream", id: "statistics" };
      model = await fitCandidate(candidate, history, seed);
      say(`${history.entity}: ${error.message}; it gets statistics instead`);
    }
    state[history.entity] = model.save();
    trained.push(await described(history, candidate, seed));
  }
  const result = found.trials.find((t) => t.id === found.chosen.id);
  const measure = found.measure === "VUS-PR" ? "vusPr" : "aucPr";
  const { id, ...parameters } = found.chosen;
  return {
    state,
    draft: {
      name,
      seed,
      data: rangeOf(entities),
      chosen: { id, parameters, why: found.why },
      metrics: { [measure]: result?.mean ?? null, standardError: result?.standardError ?? null },
      validation: {
        method: found.supervised
          ? "rolling origin, whole incidents judged"
          : "rolling origin, injected faults judged (no incidents were given)",
        measure: found.measure,
        folds: found.folds,
        supervised: found.supervised,
        complete: found.complete,
      },
      trials: found.trials,
      entities: trained,
    },
  };
}

/** Share of the rows that the scores of the rest are looked at with: scores of the rows that taught would be too low. */
const SCORED_FROM = 0.7;

/** Scores of the last rows by a model that saw none of them; none where the rows before are too few. */
async function lateScores(candidate: Candidate, h: EntityHistory, seed: number): Promise<Float64Array> {
  const cut = Math.floor(SCORED_FROM * h.at.length);
  const rest = slice(h, cut, h.at.length);
  try {
    const model = await fitCandidate(candidate, slice(h, 0, cut), seed);
    const out = { score: new Float64Array(rest.at.length), alarm: new Float64Array(rest.at.length) };
    model.observe(rest.timesMs, rest.values, out);
    return out.score;
  } catch (error) {
    if (error instanceof RangeError) return new Float64Array(0);
    throw error;
  }
}

async function described(h: EntityHistory, candidate: Candidate, seed: number): Promise<TrainedEntity> {
  const dims = h.columns.length;
  const column = (d: number) => Float64Array.from({ length: h.at.length }, (_, i) => h.values[i * dims + d]!);
  return {
    entity: h.entity,
    columns: h.columns,
    rows: h.at.length,
    axis: h.axis,
    from: h.at[0] ?? null,
    to: h.at.at(-1) ?? null,
    fingerprint: fingerprintOf(h),
    reference: [
      ...h.columns.map((name, d) => referenceBins(name, column(d))),
      referenceBins("score", await lateScores(candidate, h, seed)),
    ],
  };
}

/** Of a history's first rows. */
export function fingerprintOf(h: EntityHistory): string {
  const rows = Math.min(h.at.length, FINGERPRINT_ROWS);
  const hash = createHash("sha256");
  hash.update(h.columns.join("\u0000"));
  hash.update(bytesOf(h.at.subarray(0, rows)));
  hash.update(bytesOf(h.values.subarray(0, rows * h.columns.length)));
  return hash.digest("hex").slice(0, 16);
}

/** Of everything that training reads. */
export function digestOf(entities: readonly EntityHistory[]): string {
  const hash = createHash("sha256");
  for (const h of entities) {
    hash.update(JSON.stringify([h.entity, h.columns, h.axis, h.incidents]));
    hash.update(bytesOf(h.at));
    hash.update(bytesOf(h.values));
  }
  return hash.digest("hex");
}

const bytesOf = (a: Float64Array) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

function rangeOf(entities: readonly EntityHistory[]): DataRange {
  const axes = new Set(entities.map((e) => e.axis));
  const firsts = entities.flatMap((e) => [...e.at.subarray(0, 1)]);
  const lasts = entities.flatMap((e) => [...e.at.subarray(-1)]);
  return {
    axis: axes.size > 1 ? "mixed" : [...axes][0]!,
    from: axes.size > 1 || firsts.length === 0 ? null : firsts.reduce((a, b) => Math.min(a, b)),
    to: axes.size > 1 || lasts.length === 0 ? null : lasts.reduce((a, b) => Math.max(a, b)),
    rows: entities.reduce((n, e) => n + e.at.length, 0),
    incidents: entities.reduce((n, e) => n + e.incidents.length, 0),
    digest: digestOf(entities),
  };
}
