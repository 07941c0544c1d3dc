/** From the model to a graph of Boolean functions over basic events. */
import { PipelineError } from "../../core/errors.ts";
import { type Dag, FALSE, type Ref, TRUE } from "./dag.ts";
import { shorten } from "./expressions.ts";
import type { FaultTreeModel, Formula } from "./model.ts";

/** Ids of events and gates that a formula names. */
export function namedIn(formula: Formula, into: string[] = []): string[] {
  if (formula.kind === "ref") into.push(formula.ref);
  else if (formula.kind !== "constant") for (const a of formula.args) namedIn(a, into);
  return into;
}

/** Gates that no other gate names. @throws PipelineError MODEL_INVALID on a cycle, naming it */
export function topGates(model: FaultTreeModel): string[] {
  const named = new Set<string>();
  for (const g of model.gates.values()) for (const id of namedIn(g.formula)) named.add(id);
  gateOrder(model, [...model.gates.keys()]);
  return [...model.gates.keys()].filter((id) => !named.has(id));
}

/** Gates under `roots`, each after those that it names. @throws PipelineError MODEL_INVALID on a cycle */
export function gateOrder(model: FaultTreeModel, roots: readonly string[]): string[] {
  const order: string[] = [];
  const state = new Map<string, "open" | "done">();
  for (const root of roots) {
    if (state.has(root)) continue;
    const stack: { id: string; todo: string[] }[] = [];
    const enter = (id: string) => {
      state.set(id, "open");
      const todo = namedIn(model.gates.get(id)!.formula).filter((n) => model.gates.has(n));
      stack.push({ id, todo: todo.reverse() });
    };
    enter(root);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const next = top.todo.pop();
      if (next === undefined) {
        stack.pop();
        state.set(top.id, "done");
        order.push(top.id);
      } else if (state.get(next) === "open") {
        const ids = stack.map((s) => s.id);
        const cycle = [...ids.slice(ids.indexOf(next)), next];
        throw new PipelineError("MODEL_INVALID", model.gates.get(top.id)!.where, {
          detail: `gates are in a cycle: ${shorten(cycle)}`,
        });
      } else if (!state.has(next)) enter(next);
    }
  }
  return order;
}

/** `expand` gives the function of a basic event: a leaf, or an or over common causes. */
export function toDag(
  model: FaultTreeModel,
  top: string,
  { dag, expand }: { dag: Dag; expand: (basicEvent: string) => Ref },
): Ref {
  const functions = new Map<string, Ref>();
  const of = (f: Formula): Ref => {
    switch (f.kind) {
      case "constant":
        return f.value ? TRUE : FALSE;
      case "ref": {
        const known = functions.get(f.ref);
        if (known !== undefined) return known;
        const house = model.houseEvents.get(f.ref);
        const ref = house ? (house.value ? TRUE : FALSE) : expand(f.ref);
        functions.set(f.ref, ref);
        return ref;
      }
      case "not":
        return of(f.args[0]!) ^ 1;
      case "and":
        return dag.and(f.args.map(of));
      case "or":
        return dag.or(f.args.map(of));
      case "nand":
        return dag.and(f.args.map(of)) ^ 1;
      case "nor":
        return dag.or(f.args.map(of)) ^ 1;
      case "xor":
        return dag.xor(f.args.map(of));
      case "iff": // taken two at a time from the left, as the format says
        return dag.xor(f.args.map(of)) ^ ((f.args.length - 1) & 1);
      case "imply":
        return dag.or([of(f.args[0]!) ^ 1, of(f.args[1]!)]);
      case "atleast":
        return dag.atleast(f.min, f.args.map(of));
      case "cardinality": {
        const args = f.args.map(of);
        return dag.and([dag.atleast(f.min, args), dag.atleast(f.max + 1, args) ^ 1]);
      }
    }
  };
  for (const id of gateOrder(model, [top])) functions.set(id, of(model.gates.get(id)!.formula));
  return functions.get(top)!;
}
