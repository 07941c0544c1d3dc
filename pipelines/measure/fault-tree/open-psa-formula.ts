import type { Formula } from "./model.ts";
import { type EventKind, eventKind } from "./open-psa-names.ts";
import { attribute, integer, invalid } from "./open-psa-nodes.ts";
import type { XmlElement } from "./xml.ts";

/** Least and most arguments. */
const CONNECTIVES: Readonly<Record<string, readonly [number, number]>> = {
  and: [1, Number.POSITIVE_INFINITY],
  or: [1, Number.POSITIVE_INFINITY],
  not: [1, 1],
  xor: [1, Number.POSITIVE_INFINITY],
  iff: [1, Number.POSITIVE_INFINITY],
  nand: [1, Number.POSITIVE_INFINITY],
  nor: [1, Number.POSITIVE_INFINITY],
  imply: [2, 2],
  atleast: [1, Number.POSITIVE_INFINITY],
  cardinality: [1, Number.POSITIVE_INFINITY],
};

/** `resolve` gives the id of an event by its name; `wanted` is the kind that the document says it has. */
export function readFormula(
  element: XmlElement,
  resolve: (name: string, wanted: EventKind | undefined, where: string) => string,
): Formula {
  const { name } = element;
  if (name === "event" || eventKind(name)) {
    if (element.children.length > 0)
      throw invalid(element.children[0]!, `a reference holds no <${element.children[0]!.name}>`);
    const type = element.attributes.type;
    const wanted = name === "event" ? eventKind(type) : eventKind(name);
    if (name === "event" && type !== undefined && !wanted) throw invalid(element, `"${type}" is no type of event`);
    return { kind: "ref", ref: resolve(attribute(element, "name"), wanted, element.where) };
  }
  if (name === "constant") {
    const value = attribute(element, "value");
    if (value !== "true" && value !== "false") throw invalid(element, `"${value}" is neither true nor false`);
    return { kind: "constant", value: value === "true" };
  }
  const arity = CONNECTIVES[name];
  if (!arity || !Object.hasOwn(CONNECTIVES, name)) throw invalid(element, `<${name}> is no formula`);
  const args = element.children.map((c) => readFormula(c, resolve));
  if (args.length < arity[0] || args.length > arity[1])
    throw invalid(
      element,
      `<${name}> has ${args.length} arguments; it takes ${arity[0]}${arity[1] > arity[0] ? " or more" : ""}`,
    );
  if (name === "atleast" || name === "cardinality") {
    const min = integer(element, "min");
    if (min > args.length) throw invalid(element, `min is ${min}, but there are ${args.length} arguments`);
    if (name === "atleast") return { kind: "atleast", min, args };
    const max = integer(element, "max");
    if (max < min) throw invalid(element, `max ${max} is less than min ${min}`);
    return { kind: "cardinality", min, max, args };
  }
  return { kind: name as "and", args };
}
