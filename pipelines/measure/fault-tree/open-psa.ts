/** Reads models in the Open-PSA Model Exchange Format. @see Epstein & Rauzy (ed.) 2007-2017, Open-PSA MEF 2.0d */
import { PipelineError } from "../../core/errors.ts";
import type {
  BasicEvent,
  CcfGroup,
  CcfModel,
  Expression,
  FaultTreeModel,
  Gate,
  HouseEvent,
  Parameter,
} from "./model.ts";
import { readExpression } from "./open-psa-expression.ts";
import { readFormula } from "./open-psa-formula.ts";
import { eventKind, type Kind, Names } from "./open-psa-names.ts";
import { attribute, body, integer, invalid, only } from "./open-psa-nodes.ts";
import { parseXml, type XmlElement } from "./xml.ts";

export interface ModelFile {
  readonly name: string;
  readonly text: string;
}

/** What other analyses than a fault tree's need: named in the warnings. */
const OTHER_ANALYSES = new Set([
  "define-event-tree",
  "define-functional-event",
  "define-sequence",
  "define-branch",
  "define-initiating-event",
  "define-initiating-event-group",
  "define-rule",
  "define-consequence",
  "define-consequence-group",
  "define-alignment",
  "define-extern-library",
  "define-extern-function",
]);
const DEFINED: Readonly<Record<string, Kind>> = {
  "define-gate": "gate",
  "define-basic-event": "basic event",
  "define-house-event": "house event",
  "define-parameter": "parameter",
};
const CCF_MODELS: readonly CcfModel[] = ["beta-factor", "MGL", "alpha-factor", "phi-factor"];

interface Definition {
  readonly kind: Kind;
  readonly id: string;
  readonly scope: string;
  readonly element: XmlElement;
}

/**
 * All files together are one model; a name may be defined in one and used in another. `include` gives the file that an
 * `<include file=…/>` names, undefined where it has been read already.
 * @throws PipelineError MODEL_INVALID with file, line and column
 */
export function readOpenPsa(
  files: readonly ModelFile[],
  { include }: { include?: (name: string, from: string, where: string) => ModelFile | undefined } = {},
): FaultTreeModel {
  const names = new Names();
  const definitions: Definition[] = [];
  const groups: { element: XmlElement; scope: string; id: string }[] = [];
  const skipped = new Map<string, number>();
  const queue = [...files];

  const define = (kind: Kind, element: XmlElement, scope: string, isPrivate: boolean) => {
    const id = names.define(kind, attribute(element, "name"), scope, isPrivate, element.where);
    definitions.push({ kind, id, scope, element });
  };
  const walk = (container: XmlElement, scope: string, inherited: boolean, file: string) => {
    for (const element of container.children) {
      const role = element.attributes.role;
      if (role !== undefined && role !== "private" && role !== "public")
        throw invalid(element, `role is "${role}"; it can be public or private`);
      const isPrivate = role === undefined ? inherited : role === "private";
      const kind = DEFINED[element.name];
      if (kind) define(kind, element, scope, isPrivate);
      else if (element.name === "define-fault-tree" || element.name === "define-component") {
        const name = attribute(element, "name");
        walk(element, names.container(name, scope, element.where), isPrivate, file);
      } else if (element.name === "model-data") walk(element, scope, inherited, file);
      else if (element.name === "define-CCF-group") {
        const id = names.define("common-cause group", attribute(element, "name"), scope, isPrivate, element.where);
        groups.push({ element, scope, id });
        for (const member of only(element, "members").children) {
          const name = attribute(member, "name");
          // Members need no definition of their own: the group's distribution is theirs.
          if (names.find("event", name, scope) === undefined) pendingMembers.push({ name, scope, isPrivate, member });
        }
      } else if (element.name === "include") {
        if (!include) throw invalid(element, "includes are not followed here");
        const included = include(attribute(element, "file"), file, element.where);
        if (included) queue.push(included);
      } else if (OTHER_ANALYSES.has(element.name)) skipped.set(element.name, (skipped.get(element.name) ?? 0) + 1);
      else if (element.name === "define-substitution")
        throw invalid(element, "substitutions change the cut sets and are not supported");
      else if (element.name !== "label" && element.name !== "attributes")
        throw invalid(element, `<${element.name}> has no place in <${container.name}>`);
    }
  };
  const pendingMembers: { name: string; scope: string; isPrivate: boolean; member: XmlElement }[] = [];
  for (let file = queue.shift(); file; file = queue.shift()) {
    const root = parseXml(file.text, file.name);
    if (root.name !== "opsa-mef")
      throw invalid(root, `the document is <${root.name}>; an Open-PSA model is <opsa-mef>`);
    walk(root, "", false, file.name);
  }
  const basicEvents = new Map<string, BasicEvent>();
  for (const { name, scope, isPrivate, member } of pendingMembers) {
    if (names.find("event", name, scope) !== undefined) continue;
    const id = names.define("basic event", name, scope, isPrivate, member.where);
    basicEvents.set(id, { id, label: "", where: member.where, expression: undefined });
  }

  const gates = new Map<string, Gate>();
  const houseEvents = new Map<string, HouseEvent>();
  const parameters = new Map<string, Parameter>();
  const expressionOf = (element: XmlElement, scope: string): Expression =>
    readExpression(element, (name, where) => names.resolve("parameter", name, scope, where).id);
  for (const { kind, id, scope, element } of definitions) {
    const inside = body(element);
    const { where } = element;
    const label = element.children.find((c) => c.name === "label")?.text ?? "";
    if (inside.length > 1)
      throw invalid(inside[1]!, `${kind} ${id} has more than one ${kind === "gate" ? "formula" : "value"}`);
    const [first] = inside;
    if (kind === "gate") {
      if (!first) throw invalid(element, `gate ${id} has no formula`);
      const formula = readFormula(first, (name, wanted, at) => {
        const found = names.resolve("event", name, scope, at);
        if (wanted && wanted !== found.kind)
          throw new PipelineError("MODEL_INVALID", at, { detail: `${name} is a ${found.kind}, not a ${wanted}` });
        return found.id;
      });
      gates.set(id, { id, label, where, formula });
    } else if (kind === "basic event")
      basicEvents.set(id, {
        id,
        label,
        where,
        expression: first && expressionOf(first, scope),
        ...signatureOf(element),
      });
    else if (kind === "house event") houseEvents.set(id, { id, value: first ? truth(first) : false });
    else {
      if (!first) throw invalid(element, `parameter ${id} has no value`);
      parameters.set(id, { id, where, expression: expressionOf(first, scope) });
    }
  }
  return {
    gates,
    basicEvents,
    houseEvents,
    parameters,
    ccfGroups: groups.map(({ element, scope, id }) => ccfGroup(element, id, names, scope, expressionOf)),
    warnings: [...skipped].map(([name, n]) => `${n} <${name}> left out: only fault trees are analysed`),
  };
}

function signatureOf(element: XmlElement): { signature?: string } {
  const attributes = element.children.find((c) => c.name === "attributes")?.children ?? [];
  const found = attributes.find((a) => a.attributes.name === "signature")?.attributes.value;
  return found === undefined ? {} : { signature: found };
}

function truth(element: XmlElement): boolean {
  if (element.name !== "constant") throw invalid(element, `a house event is a <constant>, not <${element.name}>`);
  const value = attribute(element, "value");
  if (value !== "true" && value !== "false") throw invalid(element, `"${value}" is neither true nor false`);
  return value === "true";
}

function ccfGroup(
  element: XmlElement,
  id: string,
  names: Names,
  scope: string,
  expressionOf: (e: XmlElement, scope: string) => Expression,
): CcfGroup {
  const model = attribute(element, "model") as CcfModel;
  if (!CCF_MODELS.includes(model))
    throw invalid(element, `"${model}" is no common-cause model; there are ${CCF_MODELS.join(", ")}`);
  const members = only(element, "members").children.map((m) => {
    if (eventKind(m.name) !== "basic event") throw invalid(m, `<${m.name}> can't be a member: basic events can`);
    const found = names.resolve("event", attribute(m, "name"), scope, m.where);
    if (found.kind !== "basic event") throw invalid(m, `${found.id} is a ${found.kind}, not a basic event`);
    return found.id;
  });
  if (members.length < 2) throw invalid(element, `common-cause group ${id} needs two members or more`);
  if (new Set(members).size < members.length) throw invalid(element, `common-cause group ${id} names a member twice`);
  const [distribution, ...more] = body(only(element, "distribution"));
  if (!distribution || more.length > 0) throw invalid(element, `common-cause group ${id} needs one distribution`);
  const holder = element.children.find((c) => c.name === "factors") ?? element;
  const factors = new Map<number, Expression>();
  // Levels that are not written follow on from the one before.
  let level = model === "beta-factor" ? members.length : model === "MGL" ? 2 : 1;
  for (const factor of holder.children.filter((c) => c.name === "factor")) {
    if (factor.attributes.level !== undefined) level = integer(factor, "level");
    const first = model === "MGL" || model === "beta-factor" ? 2 : 1;
    if (level < first || level > members.length)
      throw invalid(
        factor,
        `level ${level} of a ${model} group with ${members.length} members; it can be ${first} to ${members.length}`,
      );
    if (factors.has(level)) throw invalid(factor, `level ${level} has two factors`);
    const [value, ...others] = body(factor);
    if (!value || others.length > 0) throw invalid(factor, "a factor needs one value");
    factors.set(level++, expressionOf(value, scope));
  }
  if (factors.size === 0) throw invalid(element, `common-cause group ${id} has no factor`);
  if (model === "beta-factor" && factors.size > 1) throw invalid(element, `a beta-factor group has one factor`);
  return { id, where: element.where, model, members, distribution: expressionOf(distribution, scope), factors };
}
