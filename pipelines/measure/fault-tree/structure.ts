/** The logic of one top event, cut into parts that are solved one by one. */
import { PipelineError } from "../../core/errors.ts";
import { BddTooLarge } from "./bdd.ts";
import { type Dag, flattened, postorder, type Ref } from "./dag.ts";
import { findModules, grouped } from "./modules.ts";
import { type Part, partsOf } from "./ordering.ts";
import { type SolvedPart, solvePart } from "./solve-part.ts";

export interface Structure {
  readonly dag: Dag;
  readonly root: Ref;
  /** Each after those that it contains as a variable; none where the top event is a constant. */
  readonly parts: readonly Part[];
  /** No event's failure can repair the system. */
  readonly coherent: boolean;
}

export function structureOf(raw: Dag, rawRoot: Ref): Structure {
  const flat = flattened(raw, rawRoot);
  const { dag } = flat;
  if (flat.root >> 1 === 0) return { dag, root: flat.root, parts: [], coherent: true };
  const root = grouped(dag, flat.root);
  const top = root >> 1;
  const parts =
    dag.op[top] === "event" ? [{ root: top, gates: [], leaves: [top] }] : partsOf(dag, top, findModules(dag, root));
  return { dag, root, parts, coherent: isCoherent(dag, root) };
}

/** Every event is met under an even number of negations, and no exclusive gate above it. */
function isCoherent(dag: Dag, root: Ref): boolean {
  const seen = new Uint8Array(dag.size * 2);
  const stack = [root];
  seen[root] = 1;
  for (let ref = stack.pop(); ref !== undefined; ref = stack.pop()) {
    const op = dag.op[ref >> 1]!;
    if (op === "xor" || (op === "event" && ref & 1)) return false;
    for (const a of dag.args[ref >> 1]!) {
      const next = a ^ (ref & 1);
      if (seen[next]) continue;
      seen[next] = 1;
      stack.push(next);
    }
  }
  return true;
}

/** By root of the part; undefined where its diagram passes the bound. */
export function solveParts(
  { dag, parts }: Structure,
  { maxNodes }: { maxNodes: number },
): Map<number, SolvedPart | undefined> {
  const solved = new Map<number, SolvedPart | undefined>();
  const negated = new Set<number>();
  for (const part of parts) {
    try {
      const s = solvePart(dag, part, { maxNodes, negated });
      solved.set(part.root, s);
      if (s.negated) negated.add(part.root);
    } catch (error) {
      if (!(error instanceof BddTooLarge)) throw error;
      solved.set(part.root, undefined);
    }
  }
  return solved;
}

/** Indices of the events that the top event depends on as it is written. */
export function eventsUnder({ dag, root }: Structure): number[] {
  return postorder(dag, [root])
    .filter((n) => dag.op[n] === "event" && n !== 0)
    .map((n) => dag.event[n]!);
}

export const tooLarge = (top: string, maxNodes: number) =>
  new PipelineError("MODEL_TOO_LARGE", top, {
    detail: `its decision diagram has more than ${maxNodes} nodes under every order of the events that was tried`,
    hint: "ask for short cut sets alone with --limit-order",
  });
