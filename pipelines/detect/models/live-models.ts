/** Registered models on the stream: a live version whose anomalies count, a shadow beside it whose anomalies are only told. */

import type { WindowBatch } from "../../core/batches.ts";
import type {
  ModelPick,
  ModelRole,
  ModelScores,
  ModelStatus,
  ModelSwitch,
  RoleScores,
} from "../../core/live-models.ts";
import type { LiveModelConfig } from "../../core/live-models-config.ts";
import type { Anomaly } from "../../core/records.ts";
import { fromChunk, type Stateful, scoped, scopedChunks, toChunk } from "../../core/stage.ts";
import type { Tables } from "../../core/tables.ts";
import { takeScores } from "./entity-run.ts";
import type { ModelLibrary } from "./library.ts";
import { type RunOptions, VersionRun } from "./version-run.ts";

export interface LiveModelsOptions extends RunOptions {
  readonly use: readonly LiveModelConfig[];
  readonly library: ModelLibrary;
  /** Windows in one record of the topic `scores`. */
  readonly summaryWindows: number;
}

/** A record for the topic `scores`. */
interface TopicScores {
  readonly key: string;
  readonly record: ModelScores;
}

export interface WindowVerdict {
  /** Of live versions: opened, strengthened, closed. */
  readonly anomalies: readonly Anomaly[];
  readonly scores: readonly TopicScores[];
}

type Roles = Record<ModelRole, ModelPick | null>;

interface Followed {
  readonly config: LiveModelConfig;
  /** As decided last; undefined before the first switch. */
  decided: ModelSwitch | undefined;
  /** As it is for the windows so far. */
  roles: Roles;
  why: string;
  /** By version: those with a role, and the one that was live before, whose state waits for a roll-back. */
  readonly runs: Map<number, VersionRun>;
  parked: ModelPick | null;
  /** Why a version with a role has no run. */
  readonly missing: Map<number, string>;
  /** From where on the next summary tells; undefined before the first window. */
  sinceMs: number | undefined;
  /** Entities and windows since then: both odd, only live, only shadow. */
  readonly agreement: Map<number, [number, number, number]>;
}

interface SavedRoles {
  readonly decided: ModelSwitch | null;
  readonly roles: Roles;
  readonly why: string;
  readonly parked: ModelPick | null;
  readonly sinceMs: number | null;
  readonly agreement: readonly (readonly [number, [number, number, number]])[];
}

const NOTHING: WindowVerdict = { anomalies: [], scores: [] };
const samePick = (a: ModelPick | null, b: ModelPick | null) => a?.version === b?.version && a?.checksum === b?.checksum;
const runKey = (name: string, version: number) => `run/${name}@${version}`;

/**
 * A switch takes effect with the next window. A shadow that becomes live keeps all that it knows, and so does the version
 * that was live before, until another has been: a roll-back finds it as it was. Versions come from `library`, which must
 * hold those of a switch before it is given here, and those of a state before it is restored.
 */
export function liveModels(tables: Tables, options: LiveModelsOptions) {
  const { library, summaryWindows } = options;
  const all: Followed[] = options.use.map((config) => ({
    config,
    decided: undefined,
    roles: { live: null, shadow: null },
    why: "",
    runs: new Map(),
    parked: null,
    missing: new Map(),
    sinceMs: undefined,
    agreement: new Map(),
  }));
  const gone: string[] = [];
  let rolesChanged = false;

  const begin = (f: Followed, pick: ModelPick): VersionRun | undefined => {
    const known = f.runs.get(pick.version);
    if (known && samePick(known.pick, pick)) return known;
    const loaded = library.get(f.config.name, pick);
    if (typeof loaded === "string") {
      f.missing.set(pick.version, loaded);
      return undefined;
    }
    const run = new VersionRun(f.config, pick, loaded, tables, options);
    f.runs.set(pick.version, run);
    return run;
  };

  const drop = (f: Followed, version: number) => {
    const run = f.runs.get(version);
    f.runs.delete(version);
    for (const { entityId } of run?.runs ?? []) gone.push(`${runKey(f.config.name, version)}/${entityId}`);
  };

  /** What was decided holds from this window on. */
  const settle = (f: Followed, w: WindowBatch, anomalies: Anomaly[], scores: TopicScores[]): void => {
    const { decided, roles } = f;
    if (!decided || (samePick(decided.live, roles.live) && samePick(decided.shadow, roles.shadow))) {
      if (decided && decided.why !== f.why) {
        f.why = decided.why;
        rolesChanged = true;
      }
      return;
    }
    rolesChanged = true;
    // What each did in the role that it had, above all what a shadow found: told before it has another.
    scores.push(...summarise(f, w.startMs));
    const before = { live: roles.live?.version ?? null, shadow: roles.shadow?.version ?? null };
    f.missing.clear();
    const { live, shadow } = decided;
    if (!samePick(live, roles.live)) {
      const old = roles.live && f.runs.get(roles.live.version);
      if (old) anomalies.push(...old.release(w.startMs));
      if (roles.live) f.parked = roles.live;
      // What it found as a shadow paged nobody: if it is still odd, it is found again.
      if (live) f.runs.get(live.version)?.release(w.startMs);
    }
    f.roles = { live, shadow };
    f.why = decided.why;
    for (const pick of [live, shadow]) if (pick) begin(f, pick);
    if (f.parked && [live, shadow].some((p) => p?.version === f.parked?.version)) f.parked = null;
    const wanted = new Set([live?.version, shadow?.version, f.parked?.version]);
    for (const version of [...f.runs.keys()]) if (!wanted.has(version)) drop(f, version);
    const versions = { live: live?.version ?? null, shadow: shadow?.version ?? null };
    const model = f.config.name;
    scores.push({
      key: model,
      record: { kind: "switch", model, startMs: w.startMs, ...versions, before, why: decided.why },
    });
  };

  const runOf = (f: Followed, role: ModelRole): VersionRun | undefined => {
    const pick = f.roles[role];
    return pick ? f.runs.get(pick.version) : undefined;
  };

  const agree = (f: Followed) => {
    const [live, shadow] = [runOf(f, "live"), runOf(f, "shadow")];
    if (!live || !shadow) return;
    for (const own of live.runs) {
      const other = shadow.of(own.entityId);
      if (!other || !(own.odd || other.odd)) continue;
      const counts = f.agreement.get(own.entityId) ?? [0, 0, 0];
      f.agreement.set(own.entityId, counts);
      counts[own.odd && other.odd ? 0 : own.odd ? 1 : 2]++;
      rolesChanged = true;
    }
  };

  /** Of the windows since the last, up to `endMs`. */
  const summarise = function* (f: Followed, endMs: number): Generator<TopicScores> {
    const startMs = f.sinceMs ?? endMs;
    if (startMs >= endMs) return;
    const [live, shadow] = [runOf(f, "live"), runOf(f, "shadow")];
    const ids = new Set([...(live?.runs ?? []), ...(shadow?.runs ?? [])].map((r) => r.entityId));
    for (const id of [...ids].sort((a, b) => a - b)) {
      const entity = tables.entities[id]!;
      const told = (run: VersionRun | undefined): RoleScores | null => {
        const own = run?.of(id);
        return own && run ? takeScores(own, run.pick.version) : null;
      };
      const counted = f.agreement.get(id) ?? [0, 0, 0];
      const drift = (live?.of(id) ?? shadow?.of(id))!.drift;
      const columns = Array.from({ length: drift.length }, (_, k) => drift.of(k));
      yield {
        key: `${f.config.name}/${entity.kind}:${entity.name}`,
        record: {
          kind: "summary",
          model: f.config.name,
          entity: entity.name,
          startMs,
          endMs,
          live: told(live),
          shadow: told(shadow),
          agreement:
            live?.of(id) && shadow?.of(id) ? { both: counted[0], onlyLive: counted[1], onlyShadow: counted[2] } : null,
          drift: columns.filter((d) => d.level === "shifted" || d.level === "changed" || d.name === "score"),
        },
      };
    }
    f.sinceMs = endMs;
    f.agreement.clear();
    rolesChanged = true;
  };

  const statusOf = (f: Followed, role: ModelRole): ModelStatus => {
    const pick = f.roles[role];
    const run = runOf(f, role);
    const fallback: Record<string, number> = {};
    const add = (why: string, n = 1) => {
      fallback[why] = (fallback[why] ?? 0) + n;
    };
    // What was decided holds from the next window on: until then nothing is amiss.
    const pending = f.decided === undefined || (f.decided.live !== null && !pick);
    if (role === "live" && !pick && !pending) add(f.why || f.decided?.why || "no version is live", 0);
    else if (role === "live" && f.why !== "") add(f.why, 0);
    if (pick && !run) add(f.missing.get(pick.version) ?? "it is not loaded", 0);
    let [columns, score]: [number | null, number | null] = [null, null];
    for (const own of run?.runs ?? []) {
      if (own.failed !== "") add(`it fails: ${own.failed}`);
      const dims = own.series.length;
      for (let k = 0; k < own.drift.length; k++) {
        const { psi } = own.drift.of(k);
        if (psi === null) continue;
        if (k < dims) columns = Math.max(columns ?? 0, psi);
        else score = Math.max(score ?? 0, psi);
      }
    }
    const states = run?.byState() ?? { scoring: 0, warming: 0, failed: 0, silent: 0 };
    if (states.warming > 0) add("it learns what is usual for itself", states.warming);
    if (states.silent > 0) add("it has no opinion of rows that have values", states.silent);
    if (run && run.refused > 0) add(`more than ${options.mostEntities} entities`, 0);
    return {
      model: f.config.name,
      role,
      version: pick?.version ?? null,
      checksum: pick?.checksum ?? null,
      entities: states,
      scored: run?.counts.scored ?? 0,
      odd: run?.counts.odd ?? 0,
      opened: run?.counts.opened ?? 0,
      drift: { columns, score },
      fallback,
    };
  };

  return {
    /** Loads what a switch needs; `decide` may follow when it settles. */
    async prepare({ name, live, shadow }: ModelSwitch): Promise<void> {
      for (const pick of [live, shadow]) if (pick) await library.load(name, pick);
    },
    /** From the next window on. One of a model that the config does not name changes nothing. */
    decide(change: ModelSwitch): void {
      const f = all.find((a) => a.config.name === change.name);
      if (!f) return;
      f.decided = change;
      rolesChanged = true;
    },
    /** By name: what was decided last. */
    get decided(): ReadonlyMap<string, ModelSwitch | undefined> {
      return new Map(all.map((f) => [f.config.name, f.decided]));
    },
    process(w: WindowBatch): WindowVerdict {
      if (all.length === 0) return NOTHING;
      const anomalies: Anomaly[] = [];
      const scores: TopicScores[] = [];
      const summaryMs = (w.endMs - w.startMs) * summaryWindows;
      for (const f of all) {
        settle(f, w, anomalies, scores);
        if (f.sinceMs === undefined) {
          f.sinceMs = w.startMs;
          rolesChanged = true;
        }
        runOf(f, "live")?.process(w, anomalies);
        runOf(f, "shadow")?.process(w, []);
        agree(f);
        // Also where the window at the boundary had no rows and never came.
        if (Math.floor(w.endMs / summaryMs) > Math.floor(f.sinceMs / summaryMs)) scores.push(...summarise(f, w.endMs));
      }
      return { anomalies, scores };
    },
    status: (): ModelStatus[] => all.flatMap((f) => [statusOf(f, "live"), statusOf(f, "shadow")]),
    snapshot(put, full = false) {
      // First: a version may have begun anew since it was dropped.
      for (const key of gone.splice(0)) put(key, undefined);
      if (rolesChanged || full)
        for (const f of all)
          put(
            `roles/${f.config.name}`,
            toChunk({
              decided: f.decided ?? null,
              roles: f.roles,
              why: f.why,
              parked: f.parked,
              sinceMs: f.sinceMs ?? null,
              agreement: [...f.agreement],
            } satisfies SavedRoles),
          );
      rolesChanged = false;
      for (const f of all)
        for (const [version, run] of f.runs) run.snapshot(scoped(put, runKey(f.config.name, version)), full);
    },
    /** Loads what a stored state needs; `restore` may follow when it settles. */
    async prepareRestore(chunks: ReadonlyMap<string, Uint8Array>): Promise<void> {
      for (const [name, bytes] of scopedChunks(chunks, "roles")) {
        const { decided, roles, parked } = fromChunk<SavedRoles>(bytes);
        for (const pick of [roles.live, roles.shadow, parked, decided?.live, decided?.shadow])
          if (pick) await library.load(name, pick);
      }
    },
    restore(chunks) {
      for (const f of all) {
        const bytes = chunks.get(`roles/${f.config.name}`);
        if (!bytes) continue;
        const { decided, roles, why, parked, sinceMs, agreement } = fromChunk<SavedRoles>(bytes);
        Object.assign(f, { decided: decided ?? undefined, roles, why, parked, sinceMs: sinceMs ?? undefined });
        for (const [id, counts] of agreement) f.agreement.set(id, counts);
        for (const pick of [roles.live, roles.shadow, parked])
          if (pick) begin(f, pick)?.restore(scopedChunks(chunks, runKey(f.config.name, pick.version)));
      }
    },
  } satisfies Stateful & Record<string, unknown>;
}
export type LiveModels = ReturnType<typeof liveModels>;
