/** What `faultwright models` does. */
import { loadLearned } from "../../../models/learned/learned-model.ts";
import type { EntityHistory } from "../../core/history.ts";
import { type Drift, driftOf } from "../../learn/drift/psi.ts";
import type { Stage, StageChange, VersionEntry } from "../../learn/registry/registry.ts";
import { readHistory } from "./read-history.ts";
import { columnPlaces, type OpenedVersion, openVersion, trainedEntity } from "./registered-model.ts";
import { registryOf } from "./train.ts";

type Now = () => number;

export const listVersions = (dataDir: string, now: Now): Promise<VersionEntry[]> => registryOf(dataDir, now).list();

export const promoteVersion = (reference: string, to: Stage, dataDir: string, now: Now) =>
  registryOf(dataDir, now).promote(reference, to);

export const rollbackModel = (name: string, dataDir: string, now: Now) => registryOf(dataDir, now).rollback(name);

export interface EntityDrift {
  readonly entity: string;
  readonly columns: readonly Drift[];
}

export interface ShowOptions {
  readonly dataDir: string;
  readonly now: Now;
  readonly input?: string;
  readonly say: (note: string) => void;
}

/** One version, its stage changes, and the drift of `input`'s rows. @throws PipelineError on an unknown or damaged version */
export async function showVersion(reference: string, { dataDir, now, input, say }: ShowOptions) {
  const version = await openVersion(reference, { dataDir, now });
  const stages: readonly StageChange[] =
    version.version === null ? [] : await registryOf(dataDir, now).history(version.name);
  const last = stages.at(-1);
  const stage =
    version.version === null
      ? "a folder"
      : last?.live === version.version
        ? "live"
        : last?.shadow === version.version
          ? "shadow"
          : "candidate";
  const drift: EntityDrift[] = [];
  if (input !== undefined)
    for (const history of await readHistory({ input, part: "test", say })) {
      const measured = await measureDrift(version, history);
      if (measured) drift.push(measured);
      else say(`${history.entity}: ${version.label} was not trained on it; its drift is not known`);
    }
  return { label: version.label, dir: version.dir, stage, manifest: version.manifest, stages, drift };
}

/** Drift of every column and of the scores; undefined for an entity that the version does not know. */
export async function measureDrift(
  version: OpenedVersion,
  history: EntityHistory,
  scores?: Float64Array,
): Promise<EntityDrift | undefined> {
  const trained = trainedEntity(version, history.entity);
  const from = trained && columnPlaces(trained, history.columns);
  if (!trained || !from) return undefined;
  const [n, width] = [history.at.length, history.columns.length];
  const column = (k: number) => Float64Array.from({ length: n }, (_, i) => history.values[i * width + k]!);
  const columns = from.map((place, k) => driftOf(trained.reference[k]!, column(place)));
  const bins = trained.reference[from.length];
  const score = scores ?? (await scoresOf(version, trained.entity, history, from));
  return { entity: history.entity, columns: bins && score ? [...columns, driftOf(bins, score)] : columns };
}

async function scoresOf(version: OpenedVersion, entity: string, h: EntityHistory, from: readonly number[]) {
  const state = version.states[entity];
  if (!state) return undefined;
  const model = await loadLearned(state);
  const [n, width] = [h.at.length, h.columns.length];
  const values = new Float64Array(n * from.length);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < from.length; k++) values[i * from.length + k] = h.values[i * width + from[k]!]!;
  const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
  model.observe(h.timesMs, values, out);
  return out.score;
}

/** Manifests side by side. */
export async function compareVersions(references: readonly string[], dataDir: string, now: Now) {
  const opened: OpenedVersion[] = [];
  for (const reference of references) opened.push(await openVersion(reference, { dataDir, now }));
  const row = (name: string, of: (m: OpenedVersion["manifest"], v: OpenedVersion) => string) => ({
    name,
    values: opened.map((v) => of(v.manifest, v)),
  });
  const rows = [
    row("version", (_, v) => v.label),
    row("chosen", (m) => m.chosen.id),
    row(
      "measure",
      (m) =>
        `${m.validation.measure} ${Object.values(m.metrics)[0]?.toFixed(3) ?? "–"} ± ${m.metrics.standardError?.toFixed(3) ?? "–"}`,
    ),
    row("rows", (m) => String(m.data.rows)),
    row("incidents", (m) => String(m.data.incidents)),
    row("entities", (m) => String(m.entities.length)),
    row("seed", (m) => String(m.seed)),
    row("data", (m) => m.data.digest.slice(0, 12)),
  ];
  const same = new Set(opened.map((v) => v.manifest.data.digest)).size === 1;
  const notes = same
    ? []
    : [
        "The figures are of different data: run `faultwright backtest --model … --model …` on later data to compare them.",
      ];
  return { rows, notes };
}
