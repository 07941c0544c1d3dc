import type { Expression } from "./model.ts";
import { attribute, body, invalid } from "./open-psa-nodes.ts";
import { operations } from "./operations.ts";
import type { XmlElement } from "./xml.ts";

/** What takes its arguments unevaluated: evaluated in expressions.ts. */
const CONTROL: Readonly<Record<string, readonly [number, number]>> = {
  ite: [3, 3],
  switch: [1, 10_000],
  case: [2, 2],
};
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** `resolve` gives the id of a parameter by its name. */
export function readExpression(element: XmlElement, resolve: (name: string, where: string) => string): Expression {
  const { name, where } = element;
  switch (name) {
    case "float":
    case "int": {
      const text = attribute(element, "value");
      const value = Number(text);
      if (!NUMBER.test(text) || !Number.isFinite(value)) throw invalid(element, `"${text}" is no number`);
      if (name === "int" && !Number.isInteger(value)) throw invalid(element, `"${text}" is no whole number`);
      return { kind: "number", value };
    }
    case "bool": {
      const text = attribute(element, "value");
      if (text !== "true" && text !== "false") throw invalid(element, `"${text}" is neither true nor false`);
      return { kind: "number", value: text === "true" ? 1 : 0 };
    }
    case "parameter":
      return { kind: "parameter", ref: resolve(attribute(element, "name"), where), where };
    case "system-mission-time":
      return { kind: "mission-time" };
    case "histogram":
      return { kind: "call", name, args: histogram(element, resolve), where };
  }
  const arity = Object.hasOwn(CONTROL, name)
    ? CONTROL[name]
    : Object.hasOwn(operations, name)
      ? ([operations[name]!.min, operations[name]!.max] as const)
      : undefined;
  if (!arity) throw invalid(element, `<${name}> is no expression that is supported`);
  const inside = body(element);
  if (inside.length < arity[0] || inside.length > arity[1])
    throw invalid(
      element,
      `<${name}> has ${inside.length} arguments; it takes ${arity[0] === arity[1] ? arity[0] : `${arity[0]} to ${arity[1]}`}`,
    );
  if (name === "switch" && inside.at(-1)!.name === "case")
    throw invalid(element, "a <switch> ends with a value, not a <case>");
  if (inside.some((c, i) => c.name === "case" && !(name === "switch" && i < inside.length - 1)))
    throw invalid(element, "a <case> belongs in a <switch>");
  return { kind: "call", name, args: inside.map((c) => readExpression(c, resolve)), where };
}

/** Lower bound, then upper bound and weight of each bin. The lower bound of the first bin is 0 where none is written. */
function histogram(element: XmlElement, resolve: (name: string, where: string) => string): Expression[] {
  const inside = body(element);
  const args: Expression[] = [];
  const first = inside[0]?.name === "bin" ? undefined : inside.shift();
  args.push(first ? readExpression(first, resolve) : { kind: "number", value: 0 });
  if (inside.length === 0) throw invalid(element, "a histogram needs a <bin>");
  for (const bin of inside) {
    const parts = body(bin);
    if (bin.name !== "bin" || parts.length !== 2)
      throw invalid(bin, "a histogram holds <bin>s of a bound and a weight");
    args.push(...parts.map((p) => readExpression(p, resolve)));
  }
  return args;
}
