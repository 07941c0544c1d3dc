/** Values of parameters and of basic events' probabilities. */
import { PipelineError } from "../../core/errors.ts";
import type { Expression, Parameter } from "./model.ts";
import { operations } from "./operations.ts";

export interface Environment {
  readonly missionHours: number;
  /** Values of the parameters that an expression may name. */
  readonly parameters: ReadonlyMap<string, number>;
  /** Uniform in (0, 1): deviates are drawn. Without it each stands for its mean. */
  readonly random?: () => number;
}

/** @throws PipelineError MODEL_INVALID where arguments are out of range */
export function evaluate(expression: Expression, env: Environment): number {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "mission-time":
      return env.missionHours;
    case "parameter":
      return env.parameters.get(expression.ref) as number;
    case "call":
      return call(expression, env);
  }
}

function call(e: Extract<Expression, { kind: "call" }>, env: Environment): number {
  const { name, args, where } = e;
  if (name === "ite") return evaluate(args[evaluate(args[0]!, env) === 0 ? 2 : 1]!, env);
  if (name === "switch") {
    for (const branch of args) {
      if (branch.kind !== "call" || branch.name !== "case") return evaluate(branch, env);
      if (evaluate(branch.args[0]!, env) !== 0) return evaluate(branch.args[1]!, env);
    }
  }
  const operation = operations[name]!;
  const values = args.map((a) => evaluate(a, env));
  const value = operation.apply(values);
  const bad = typeof value === "string" ? value : Number.isFinite(value) ? undefined : "no finite number";
  if (bad !== undefined) throw new PipelineError("MODEL_INVALID", where, { detail: `${name}: ${bad}` });
  return env.random && operation.sample ? operation.sample(values, env.random) : (value as number);
}

/** Every parameter that an expression names directly. */
function namedBy(expression: Expression): string[] {
  if (expression.kind === "parameter") return [expression.ref];
  return expression.kind === "call" ? expression.args.flatMap(namedBy) : [];
}

/** Parameters, each after those that it names. @throws PipelineError MODEL_INVALID on a cycle */
export function parameterOrder(parameters: ReadonlyMap<string, Parameter>): Parameter[] {
  const order: Parameter[] = [];
  const state = new Map<string, "open" | "done">();
  for (const root of parameters.values()) {
    const stack: { parameter: Parameter; todo: string[] }[] = [];
    const enter = (parameter: Parameter) => {
      state.set(parameter.id, "open");
      stack.push({ parameter, todo: namedBy(parameter.expression) });
    };
    if (!state.has(root.id)) enter(root);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const next = top.todo.pop();
      if (next === undefined) {
        stack.pop();
        state.set(top.parameter.id, "done");
        order.push(top.parameter);
      } else if (state.get(next) === "open") {
        const ids = stack.map((s) => s.parameter.id);
        const cycle = [...ids.slice(ids.indexOf(next)), next];
        throw new PipelineError("MODEL_INVALID", top.parameter.where, {
          detail: `parameters name each other in a cycle: ${shorten(cycle)}`,
        });
      } else if (!state.has(next)) enter(parameters.get(next)!);
    }
  }
  return order;
}

/** `a -> b -> c`, the middle of a long one left out. */
export const shorten = (path: readonly string[]): string =>
  path.length <= 8
    ? path.join(" -> ")
    : [...path.slice(0, 5), `(${path.length - 7} more)`, ...path.slice(-2)].join(" -> ");

export function parameterValues(
  order: readonly Parameter[],
  env: Omit<Environment, "parameters">,
): Map<string, number> {
  const values = new Map<string, number>();
  for (const p of order) values.set(p.id, evaluate(p.expression, { ...env, parameters: values }));
  return values;
}
