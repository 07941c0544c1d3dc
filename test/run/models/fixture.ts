/** A registry with trained versions for runs over generated signals. */
import { join } from "node:path";
import { liveModelOf } from "../../../models/learned/live-model.ts";
import type { EntityHistory } from "../../../pipelines/core/history.ts";
import { referenceBins } from "../../../pipelines/learn/drift/psi.ts";
import { modelRegistry } from "../../../pipelines/learn/registry/registry.ts";
import type { Candidate } from "../../../pipelines/learn/train/candidate.ts";
import { fitCandidate } from "../../../pipelines/learn/train/fit.ts";
import { normal } from "../../models/noise.ts";

export const SERVICES = ["gateway", "orders", "payment"];
const COLUMNS = ["cpu_utilization", "error_ratio", "latency_ms", "memory_bytes"];

/** What `writeSignals` writes without its faults, as windows of five seconds. */
function quietHistory(entity: string, rows = 400): EntityHistory {
  const z = normal(entity.length);
  const k = SERVICES.indexOf(entity);
  const values = Float64Array.from({ length: rows * COLUMNS.length }, (_, i) => {
    const v = z();
    return [0.2 + 0.011 * v, Math.max(0, 0.0005 * v), 20 + 5 * k + 0.9 * v, 8e7 + 2.2e5 * v][i % COLUMNS.length]!;
  });
  const at = Float64Array.from({ length: rows }, (_, i) => 1_700_000_000_000 + i * 5000);
  return { entity, columns: COLUMNS, axis: "time", at, timesMs: at, values, incidents: [] };
}

const vector = (model: string, options = {}): Candidate =>
  ({ kind: "vector", id: model, model, options, lags: 1, smoothing: 1 }) as unknown as Candidate;
export const CANDIDATES: readonly Candidate[] = [
  vector("mahalanobis"),
  vector("autoencoder", { epochs: 10 }),
  { kind: "stream", id: "statistics" } as Candidate,
];

/** Adds versions 1, 2, ... of `hosts` below `dataDir/models` and promotes the first. */
export async function makeRegistry(dataDir: string, candidates = CANDIDATES) {
  const registry = modelRegistry(join(dataDir, "models"), () => 1);
  for (const candidate of candidates) {
    const states: Record<string, unknown> = {};
    const entities = [];
    for (const name of SERVICES) {
      const h = quietHistory(name);
      const state = (await fitCandidate(candidate, h, 1)).save();
      await liveModelOf(state);
      states[name] = state;
      const column = (d: number) => Float64Array.from(h.at, (_, i) => h.values[i * COLUMNS.length + d]!);
      entities.push({
        entity: name,
        columns: COLUMNS,
        rows: h.at.length,
        axis: "time" as const,
        from: h.at[0]!,
        to: h.at.at(-1)!,
        fingerprint: "",
        reference: COLUMNS.map((c, d) => referenceBins(c, column(d))),
      });
    }
    await registry.add(
      "hosts",
      {
        name: "hosts",
        seed: 1,
        data: { axis: "time", from: 0, to: 1, rows: 1200, incidents: 0, digest: candidate.id },
        chosen: { id: candidate.id, parameters: {}, why: "" },
        metrics: {},
        validation: { method: "", measure: "VUS-PR", folds: 0, supervised: false, complete: true },
        trials: [],
        entities,
      },
      states,
    );
  }
  await registry.promote("hosts@1", "live");
  return registry;
}
