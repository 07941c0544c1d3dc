/** Trained versions and windows for tests of models on the stream: what training and stages really make. */
import { liveModelOf } from "../../../models/learned/live-model.ts";
import type { WindowBatch } from "../../../pipelines/core/batches.ts";
import type { EntityHistory } from "../../../pipelines/core/history.ts";
import type { ModelPick, ModelSwitch } from "../../../pipelines/core/live-models.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import type { LoadedEntity, ModelLibrary } from "../../../pipelines/detect/models/library.ts";
import { liveModels } from "../../../pipelines/detect/models/live-models.ts";
import { referenceBins } from "../../../pipelines/learn/drift/psi.ts";
import type { Candidate } from "../../../pipelines/learn/train/candidate.ts";
import { fitCandidate } from "../../../pipelines/learn/train/fit.ts";
import { normal } from "../../models/noise.ts";

export const WINDOW_MS = 10_000;
export const START = Date.UTC(2026, 0, 5);
export const COLUMNS = ["latency.mean", "requests.rate", "cpu.utilization"];
const LEVELS = [20, 100, 0.4];

/** Rows in which the load moves all three columns together. */
export function usualRows(seed: number, n: number): number[][] {
  const z = normal(seed);
  return Array.from({ length: n }, () => {
    const load = z();
    return LEVELS.map((level) => level * (1 + 0.15 * load + 0.03 * z()));
  });
}

export function historyOf(rows: readonly (readonly number[])[], entity = "orders", columns = COLUMNS): EntityHistory {
  const at = Float64Array.from(rows, (_, i) => START - (rows.length - i) * WINDOW_MS);
  return { entity, columns, axis: "time", at, timesMs: at, values: Float64Array.from(rows.flat()), incidents: [] };
}

export const CANDIDATES = {
  statistics: { kind: "stream", id: "statistics" },
  mahalanobis: { kind: "vector", id: "m", model: "mahalanobis", options: {}, lags: 1, smoothing: 1 },
  lagged: { kind: "vector", id: "l", model: "pca", options: {}, lags: 3, smoothing: 10 },
  network: { kind: "vector", id: "n", model: "autoencoder", options: { epochs: 20 }, lags: 1, smoothing: 1 },
  sequence: { kind: "vector", id: "s", model: "forecaster", options: { epochs: 3 }, lags: 1, smoothing: 1 },
} as unknown as Readonly<Record<string, Candidate>>;
export const BLEND = {
  kind: "blend",
  id: "b",
  parts: [CANDIDATES.statistics, CANDIDATES.mahalanobis],
} as unknown as Candidate;

export async function trained(candidate: Candidate, history: EntityHistory): Promise<LoadedEntity> {
  const model = await fitCandidate(candidate, history, 1);
  const dims = history.columns.length;
  const column = (d: number) => Float64Array.from(history.at, (_, i) => history.values[i * dims + d]!);
  return {
    columns: history.columns,
    rows: history.at.length,
    reference: history.columns.map((name, d) => referenceBins(name, column(d))),
    start: await liveModelOf(model.save()),
  };
}

export const pick = (version: number): ModelPick => ({ version, checksum: `sum${version}` });
export const change = (live: number | null, shadow: number | null = null, why = ""): ModelSwitch => ({
  kind: "model",
  timeMs: START,
  name: "hosts",
  live: live === null ? null : pick(live),
  shadow: shadow === null ? null : pick(shadow),
  why,
});

export const libraryOf = (
  versions: Readonly<Record<number, Readonly<Record<string, LoadedEntity>>>>,
): ModelLibrary => ({
  load: async () => {},
  get: (_, { version }) =>
    versions[version] ? { entities: new Map(Object.entries(versions[version])) } : `hosts@${version} is missing`,
});

export function setUp(library: ModelLibrary, { names = ["orders"], columns = COLUMNS, like = "", summary = 60 } = {}) {
  const tables = new Tables();
  for (const name of names) {
    const e = tables.internNamed("service", name);
    for (const metric of columns)
      tables.internSeries(e, metric, metric.startsWith("latency") ? "ms" : "1", "gauge", {});
  }
  const models = liveModels(tables, {
    use: [{ name: "hosts", entities: ["*"], columns: {}, ...(like === "" ? {} : { like }) }],
    library,
    summaryWindows: summary,
    openEvidence: 9,
    closeEvidence: 2,
    freezeWindows: 180,
    floors: {},
    mostEntities: 10_000,
  });
  return { tables, models };
}

/** Window i; a value that is undefined has no row. `rows`: the values of each entity, one after the other. */
export function windowOf(i: number, values: readonly (number | undefined)[]): WindowBatch {
  const kept = values.flatMap((v, id) => (v === undefined ? [] : [[id, v] as const]));
  const value = Float64Array.from(kept, ([, v]) => v);
  return {
    startMs: START + i * WINDOW_MS,
    endMs: START + (i + 1) * WINDOW_MS,
    length: kept.length,
    seriesIds: Uint32Array.from(kept, ([id]) => id),
    value,
    count: new Float64Array(kept.length).fill(1),
    min: value,
    max: value,
  };
}
