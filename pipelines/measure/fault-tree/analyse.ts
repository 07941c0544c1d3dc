/** Everything about one top event: cut sets, probability, importance. */
import { PipelineError } from "../../core/errors.ts";
import { Dag } from "./dag.ts";
import { Events } from "./events.ts";
import { type Family, familyOf } from "./family.ts";
import { type Importance, importanceOf } from "./importance.ts";
import { likeliest } from "./likeliest.ts";
import type { FaultTreeModel } from "./model.ts";
import { countByOrder, minCutUpperBound, sumOfProducts } from "./probability.ts";
import { chanceOfTop } from "./propagate.ts";
import { eventsUnder, type Structure, solveParts, structureOf, tooLarge } from "./structure.ts";
import { gateOrder, namedIn, toDag, topGates } from "./to-dag.ts";
import { type Uncertainty, uncertaintyOf } from "./uncertainty.ts";
import { ZbddTooLarge } from "./zbdd.ts";

export interface AnalysisOptions {
  /** Gate to analyse; by default the one that no other names. */
  readonly top?: string;
  readonly missionHours?: number;
  /** Leave out cut sets with more events. */
  readonly limitOrder?: number;
  /** Most probable cut sets listed. */
  readonly listed?: number;
  /** Draws for the uncertainty of the probability; 0: none. */
  readonly trials?: number;
  readonly seed?: number;
  /** Bound on the nodes of each part's decision diagram, 20 bytes a node. */
  readonly maxNodes?: number;
  /** Bound on the nodes of the cut sets' diagram, 30 bytes a node. */
  readonly maxSetNodes?: number;
}

export interface FaultTreeAnalysis {
  readonly top: string;
  /** Of the top event; null where an event it depends on has none. */
  readonly probability: number | null;
  /** `exact`, or how it was estimated from cut sets. */
  readonly probabilityMethod: "exact" | "min-cut upper bound" | "rare-event approximation" | "none";
  /** Sum over the cut sets, at most 1. */
  readonly rareEvent: number | null;
  /** The same sum as it is. */
  readonly rareEventSum: number | null;
  readonly minimalCutSets: number;
  readonly cutSetsByOrder: Readonly<Record<string, number>>;
  /** Set where longer cut sets were left out. */
  readonly limitOrder?: number;
  /** False: some event's failure can prevent the top event; cut sets are then the failures alone. */
  readonly coherent: boolean;
  readonly missionHours: number;
  readonly events: number;
  readonly gates: number;
  /** Nodes of all decision diagrams, and of the cut sets' diagram. */
  readonly diagramNodes: { readonly bdd: number; readonly zbdd: number };
  readonly importance: Readonly<Record<string, Importance>>;
  /** The most probable ones, most probable first. */
  readonly cutSets: readonly { readonly events: readonly string[]; readonly probability: number | null }[];
  readonly uncertainty?: Uncertainty;
  readonly warnings: readonly string[];
}

/** Walking more sets than this for an upper bound takes too long. */
const BOUND_SETS = 5_000_000;
export const DEFAULT_MISSION_HOURS = 8760;

/**
 * @throws PipelineError MODEL_INVALID for a model with a fault, MODEL_TOO_LARGE where it can't be solved within `maxNodes`
 */
export function analyseFaultTree(
  model: FaultTreeModel,
  {
    top,
    missionHours = DEFAULT_MISSION_HOURS,
    limitOrder,
    listed = 20,
    trials = 0,
    seed = 1,
    // With short cut sets asked for, there is an answer without the diagram: no need to try for long.
    maxNodes = limitOrder === undefined ? 1 << 24 : 1 << 22,
    maxSetNodes = 1 << 24,
  }: AnalysisOptions = {},
): FaultTreeAnalysis {
  const chosen = chooseTop(model, top);
  const events = new Events(model, { missionHours });
  const raw = new Dag();
  const structure = structureOf(raw, toDag(model, chosen.top, { dag: raw, expand: (id) => events.expand(raw, id) }));
  const p = events.probabilities();
  const solved = solveParts(structure, { maxNodes });
  const isExact = [...solved.values()].every((s) => s !== undefined);
  if (!isExact && limitOrder === undefined) throw tooLarge(chosen.top, maxNodes);
  const family = cutSetsOf(chosen.top, structure, solved, { order: limitOrder, maxNodes: maxSetNodes });
  const used = [...new Set([...family.events, ...eventsUnder(structure)])].sort((a, b) => a - b);
  const known = used.every((e) => !Number.isNaN(p[e]!));

  const perLevel = (f: (event: number) => number) => Float64Array.from(family.events, f);
  const rare = known
    ? sumOfProducts(
        family.sets,
        perLevel((e) => p[e]!),
      )
    : undefined;
  const counted = sumOfProducts(
    family.sets,
    perLevel(() => 1),
  );
  const exact = known && isExact ? chanceOfTop(structure, solved, p) : undefined;
  let probability: number | null = exact?.value ?? null;
  let method: FaultTreeAnalysis["probabilityMethod"] = known ? "exact" : "none";
  if (rare && !exact) {
    const few = counted.value <= BOUND_SETS;
    method = few ? "min-cut upper bound" : "rare-event approximation";
    probability = few
      ? minCutUpperBound(
          family.sets,
          perLevel((e) => p[e]!),
        )
      : Math.min(1, rare.value);
  }
  const gradient = exact?.gradient ?? scatter(rare?.byLevel, family, p.length);
  const order = countByOrder(family.sets);
  const sets = likeliest(
    family.sets,
    perLevel((e) => (known ? p[e]! : 0.5)),
    listed,
  );
  return {
    top: chosen.top,
    probability,
    probabilityMethod: method,
    rareEvent: rare ? Math.min(1, rare.value) : null,
    rareEventSum: rare?.value ?? null,
    minimalCutSets: counted.value,
    cutSetsByOrder: Object.fromEntries(order.flatMap((n, k) => (n > 0 ? [[String(k), n]] : []))),
    ...(limitOrder === undefined ? {} : { limitOrder }),
    coherent: structure.coherent,
    missionHours,
    events: used.length,
    gates: structure.parts.reduce((n, part) => n + part.gates.length, 0),
    diagramNodes: {
      bdd: [...solved.values()].reduce((n, s) => n + (s?.bdd.level.length ?? 0), 0),
      zbdd: family.sets.level.length,
    },
    importance: Object.fromEntries(
      importanceOf({
        used,
        p,
        probability,
        gradient,
        occurrence: scatter(counted.byLevel, family, p.length)!,
        share: rare && { sum: rare.value, gradient: scatter(rare.byLevel, family, p.length)! },
      }).map(([event, figures]) => [events.ids[event]!, figures]),
    ),
    cutSets: sets.map(({ levels, weight }) => ({
      events: levels.map((l) => events.ids[family.events[l]!]!),
      probability: known ? weight : null,
    })),
    ...(trials > 0 && exact
      ? {
          uncertainty: uncertaintyOf(
            (random) => chanceOfTop(structure, solved, events.probabilities(random), { gradient: false }).value,
            { trials, seed },
          ),
        }
      : {}),
    warnings: [...model.warnings, ...chosen.warnings],
  };
}

function chooseTop(model: FaultTreeModel, wanted: string | undefined): { top: string; warnings: string[] } {
  const tops = topGates(model);
  if (wanted !== undefined) {
    if (model.gates.has(wanted)) return { top: wanted, warnings: [] };
    throw new PipelineError("MODEL_INVALID", "--top", {
      detail: `there is no gate ${wanted}`,
      hint: `tops are ${tops.slice(0, 10).join(", ")}`,
    });
  }
  const [first] = tops;
  if (first === undefined) throw new PipelineError("MODEL_INVALID", "model", { detail: "it defines no gate" });
  if (tops.length === 1) return { top: first, warnings: [] };
  const sizes = new Map(tops.map((t) => [t, sizeUnder(model, t)]));
  const top = tops.reduce((a, b) => (sizes.get(b)! > sizes.get(a)! ? b : a));
  return {
    top,
    warnings: [
      `${tops.length} gates are top events (${tops.slice(0, 8).join(", ")}${tops.length > 8 ? ", …" : ""}): the largest, ${top}, was taken; --top names another`,
    ],
  };
}

/** Gates and events under a gate, as written. */
function sizeUnder(model: FaultTreeModel, top: string): number {
  return gateOrder(model, [top]).reduce((n, id) => n + 1 + namedIn(model.gates.get(id)!.formula).length, 0);
}

function cutSetsOf(
  top: string,
  structure: Structure,
  solved: Parameters<typeof familyOf>[1],
  limits: { order: number | undefined; maxNodes: number },
): Family {
  try {
    const family = familyOf(structure, solved, limits);
    if (family) return family;
  } catch (error) {
    if (!(error instanceof ZbddTooLarge)) throw error;
    throw new PipelineError("MODEL_TOO_LARGE", top, {
      detail: `its cut sets need more than ${error.nodes} nodes`,
      hint: "ask for short cut sets alone with --limit-order, or a lower one",
    });
  }
  throw tooLarge(top, limits.maxNodes);
}

/** Values by level to values by event. */
function scatter(byLevel: Float64Array | undefined, family: Family, length: number): Float64Array | undefined {
  if (!byLevel) return undefined;
  const out = new Float64Array(length);
  for (const [level, event] of family.events.entries()) out[event] = byLevel[level]!;
  return out;
}
