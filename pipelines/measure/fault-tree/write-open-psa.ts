/** Models as Open-PSA documents. */
import type { Expression, FaultTreeModel, Formula } from "./model.ts";
import { xmlText as x } from "./xml-text.ts";

/** `name` is the fault tree's. Ids are written as names: a model with private elements is written with their paths' dots as underscores. */
export function writeOpenPsa(model: FaultTreeModel, name: string): string {
  const id = (v: string) => x(v.replaceAll(".", "_"));
  const label = (text: string) => (text === "" ? "" : `<label>${x(text)}</label>`);
  const formula = (f: Formula): string => {
    if (f.kind === "ref") return `<event name="${id(f.ref)}"/>`;
    if (f.kind === "constant") return `<constant value="${f.value}"/>`;
    const bounds =
      f.kind === "atleast" ? ` min="${f.min}"` : f.kind === "cardinality" ? ` min="${f.min}" max="${f.max}"` : "";
    return `<${f.kind}${bounds}>${f.args.map(formula).join("")}</${f.kind}>`;
  };
  const expression = (e: Expression): string => {
    if (e.kind === "number") return `<float value="${e.value}"/>`;
    if (e.kind === "parameter") return `<parameter name="${id(e.ref)}"/>`;
    if (e.kind === "mission-time") return "<system-mission-time/>";
    if (e.name !== "histogram") return `<${e.name}>${e.args.map(expression).join("")}</${e.name}>`;
    const bins = e.args.slice(1).map(expression);
    return `<histogram>${expression(e.args[0]!)}${bins.flatMap((b, i) => (i % 2 ? [] : [`<bin>${b}${bins[i + 1]}</bin>`])).join("")}</histogram>`;
  };
  const lines = [
    ...[...model.gates.values()].map(
      (g) => `<define-gate name="${id(g.id)}">${label(g.label)}${formula(g.formula)}</define-gate>`,
    ),
    ...[...model.houseEvents.values()].map(
      (h) => `<define-house-event name="${id(h.id)}"><constant value="${h.value}"/></define-house-event>`,
    ),
    ...[...model.basicEvents.values()].map(
      (e) =>
        `<define-basic-event name="${id(e.id)}">${label(e.label)}${e.signature === undefined ? "" : `<attributes><attribute name="signature" value="${x(e.signature)}"/></attributes>`}${e.expression ? expression(e.expression) : ""}</define-basic-event>`,
    ),
    ...[...model.parameters.values()].map(
      (p) => `<define-parameter name="${id(p.id)}">${expression(p.expression)}</define-parameter>`,
    ),
  ];
  const groups = model.ccfGroups.map(
    (g) =>
      `<define-CCF-group name="${id(g.id)}" model="${g.model}"><members>${g.members.map((m) => `<basic-event name="${id(m)}"/>`).join("")}</members><distribution>${expression(g.distribution)}</distribution><factors>${[...g.factors].map(([level, f]) => `<factor level="${level}">${expression(f)}</factor>`).join("")}</factors></define-CCF-group>`,
  );
  const indent = (all: readonly string[]) => all.map((l) => `    ${l}\n`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<opsa-mef>\n  <define-fault-tree name="${id(name)}">\n${indent(lines)}  </define-fault-tree>\n${indent(groups)}</opsa-mef>\n`;
}
