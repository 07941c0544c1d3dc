/** A first fault tree of a system, from who calls whom and from what has failed: to be read and corrected by people. */
import type { OutageRecord } from "../../core/reliability.ts";
import type { BasicEvent, FaultTreeModel, Formula, Gate } from "./model.ts";
import { eventExpression, pooledDownHours, type SignatureRate, signatureRates } from "./signatures.ts";

export interface DraftOptions {
  /** Caller, callee. */
  readonly edges: readonly (readonly [string, string])[];
  readonly outages: readonly OutageRecord[];
  readonly fromMs: number;
  readonly toMs: number;
}

const WHERE = "draft";

/**
 * A service fails by one of its own faults, or when one that it calls fails; entities `name/instance` of one name are
 * taken as replicas: all must fail. Services that call each other in a circle fail together. The top event: an entry that
 * nobody calls fails. A service that never failed gets an event all the same, repaired as fast as
 * the others: no failure in the time watched is not never.
 */
export function draftFaultTree({ edges, outages, fromMs, toMs }: DraftOptions): FaultTreeModel {
  const rates = [...signatureRates(outages, { fromMs, toMs }).values()];
  const pooled = pooledDownHours(rates);
  const exposureHours = (toMs - fromMs) / 3_600_000;
  const entities = new Set<string>([...edges.flat(), ...rates.map((r) => serviceOf(r))].filter((n) => n !== ""));
  const replicas = new Map<string, Set<string>>();
  for (const e of entities) {
    const name = groupOf(e);
    replicas.set(name, (replicas.get(name) ?? new Set()).add(e));
  }
  const names = [...replicas.keys()].sort();
  const calls = new Map<string, Set<string>>(names.map((n) => [n, new Set()]));
  for (const [a, b] of edges)
    if (a !== "" && b !== "" && groupOf(a) !== groupOf(b)) calls.get(groupOf(a))!.add(groupOf(b));
  const circles = circlesOf(names, calls);

  const ids = new Ids();
  const gates = new Map<string, Gate>();
  const basicEvents = new Map<string, BasicEvent>();
  const gate = (key: string, label: string, formula: Formula): Formula => {
    const id = ids.of(key);
    gates.set(id, { id, label, where: WHERE, formula });
    return { kind: "ref", ref: id };
  };
  const event = (rate: SignatureRate, label: string): Formula => {
    const id = ids.of(`event ${rate.signature}`, rate.signature);
    basicEvents.set(id, {
      id,
      label,
      where: WHERE,
      expression: eventExpression(rate, WHERE),
      signature: rate.signature,
    });
    return { kind: "ref", ref: id };
  };
  const own = (entity: string): Formula[] => {
    const mine = rates.filter((r) => serviceOf(r) === entity);
    if (mine.length === 0)
      return [
        event(
          { signature: `${entity}|`, failures: 0, exposureHours, downHours: pooled },
          `${entity}: never seen to fail`,
        ),
      ];
    return mine.map((r) => event(r, `${entity}: ${modeOf(r) || "unknown fault"}, ${r.failures} times`));
  };
  const ownOf = (name: string): Formula[] => {
    const members = [...replicas.get(name)!].sort();
    if (members.length === 1) return own(members[0]!);
    const each = members.map((m) => gate(`instance ${m}`, `instance ${m} fails by itself`, or(own(m))));
    return [gate(`all ${name}`, `all ${members.length} instances of ${name} fail`, { kind: "and", args: each })];
  };
  // Callees first, so that what is named exists; one gate a circle.
  for (const circle of circles) {
    const others = new Set<string>();
    for (const name of circle) for (const callee of calls.get(name)!) if (!circle.includes(callee)) others.add(callee);
    const inputs = [
      ...circle.flatMap(ownOf),
      ...[...others].sort().map((c): Formula => ({ kind: "ref", ref: ids.of(`fails ${c}`) })),
    ];
    const [first] = circle;
    gate(
      `fails ${first}`,
      `${circle.join(", ")} ${circle.length > 1 ? "(calling each other) fail" : "fails"}`,
      or(inputs),
    );
    for (const name of circle.slice(1)) ids.alias(`fails ${name}`, `fails ${first}`);
  }
  const called = new Set(circles.flatMap((c) => c.flatMap((n) => [...calls.get(n)!].filter((m) => !c.includes(m)))));
  const entries = circles.filter((c) => !c.some((n) => called.has(n))).map((c) => c[0]!);
  if (entries.length > 0)
    gate(
      "system",
      "an entry of the system fails",
      or(entries.sort().map((n) => ({ kind: "ref", ref: ids.of(`fails ${n}`) }))),
    );
  return { gates, basicEvents, houseEvents: new Map(), parameters: new Map(), ccfGroups: [], warnings: [] };
}

const or = (args: Formula[]): Formula => (args.length === 1 ? args[0]! : { kind: "or", args });
const serviceOf = (r: SignatureRate) => r.signature.slice(0, r.signature.lastIndexOf("|"));
const modeOf = (r: SignatureRate) => r.signature.slice(r.signature.lastIndexOf("|") + 1);
const groupOf = (entity: string) => (entity.includes("/") ? entity.slice(0, entity.indexOf("/")) : entity);

/** Names that the format takes, each once: letters, digits and underscores. */
class Ids {
  #byKey = new Map<string, string>();
  #taken = new Set<string>();

  of(key: string, text = key): string {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const base =
      text
        .replace(/[^\p{L}\p{N}]+/gu, "_")
        .replace(/^_+|_+$/g, "")
        .slice(0, 80) || "x";
    const plain = /^\d/.test(base) ? `n_${base}` : base;
    let id = plain;
    for (let i = 2; this.#taken.has(id); i++) id = `${plain}_${i}`;
    this.#taken.add(id);
    this.#byKey.set(key, id);
    return id;
  }
  alias(key: string, of: string): void {
    this.#byKey.set(key, this.of(of));
  }
}

/** Groups that can all reach each other, callees first. @see Tarjan 1972, SIAM J. Computing 1(2) */
function circlesOf(names: readonly string[], calls: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const held: string[] = [];
  const isHeld = new Set<string>();
  const found: string[][] = [];
  for (const root of names) {
    if (index.has(root)) continue;
    const stack: { name: string; todo: string[] }[] = [];
    const enter = (name: string) => {
      index.set(name, index.size);
      low.set(name, index.get(name)!);
      held.push(name);
      isHeld.add(name);
      stack.push({ name, todo: [...calls.get(name)!].sort() });
    };
    enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.todo.shift();
      if (next !== undefined) {
        if (!index.has(next)) enter(next);
        else if (isHeld.has(next)) low.set(top.name, Math.min(low.get(top.name)!, index.get(next)!));
        continue;
      }
      stack.pop();
      const above = stack.at(-1);
      if (above) low.set(above.name, Math.min(low.get(above.name)!, low.get(top.name)!));
      if (low.get(top.name) !== index.get(top.name)) continue;
      const circle: string[] = [];
      for (let n = held.pop()!; ; n = held.pop()!) {
        isHeld.delete(n);
        circle.push(n);
        if (n === top.name) break;
      }
      found.push(circle.sort());
    }
  }
  return found;
}
