/**
 * Ranks the entities of an alert storm by how rare their alerts are in past storms: what always rings says little. No
 * raw series needed. The past is other incidents of the same system; without any, what rings at few entities counts.
 */
import type { AlertCase } from "../core/alert-case.ts";

/** How often what was seen in past incidents. */
export interface AlertHistory {
  cases: number;
  /** Nodes of all cases, summed. */
  slots: number;
  /** Cases with the fact, by `node kind`; and facts of the kind at any node. */
  readonly facts: Map<string, number>;
  readonly kinds: Map<string, number>;
}

export interface RankedNode {
  readonly name: string;
  readonly score: number;
  readonly evidence: readonly { readonly text: string; readonly score: number }[];
}

/** Cases' worth of what the kind does at other nodes. */
const PRIOR = 10;
const LEAST_WEIGHT = 0.05;
const LEAST_RATE = 0.003;
/** A caller that sees others fail. */
const CALLER = 0.3;
const EVIDENCE_EACH = 5;

interface Fact {
  readonly node: string;
  readonly kind: string;
  readonly count: number;
  /** Of facts of one group at a node only the strongest counts: quantiles of one metric say one thing. */
  readonly group: string;
  readonly factor: number;
}

const keyOf = (f: Fact): string => `${f.node}\u0000${f.kind}`;

function factsOf(c: AlertCase): Fact[] {
  const nodes = new Set(c.nodes);
  const facts = new Map<string, { fact: Fact; count: number }>();
  const add = (node: string, kind: string, group: string, factor: number) => {
    if (!nodes.has(node)) return;
    const fact = { node, kind, count: 1, group, factor };
    const known = facts.get(keyOf(fact));
    if (known) known.count += 1;
    else facts.set(keyOf(fact), { fact, count: 1 });
  };
  for (const m of c.metrics) {
    const stem = m.metric.replace(/\d+$/, "");
    add(m.node, `metric ${m.metric} ${m.direction}`, `metric ${stem} ${m.direction}`, 1);
  }
  for (const l of c.logs) {
    // Template ids often carry the name of the node that wrote them.
    const template = l.template.startsWith(`${l.node}-`) ? l.template.slice(l.node.length + 1) : l.template;
    add(l.node, `log ${template}`, `log ${template}`, 1);
  }
  for (const t of c.calls) {
    const kind = /^[45]\d\d$|err|fail/i.test(t.kind) ? "failing" : "slow";
    if (t.caller === t.callee) add(t.callee, `call ${kind} inside`, `call ${kind} inside`, 1);
    else {
      add(t.callee, `call ${kind} to it`, `call ${kind} to it`, 1);
      add(t.caller, `call ${kind} from it`, `call ${kind} from it`, CALLER);
    }
  }
  return [...facts.values()].map(({ fact, count }) => ({ ...fact, count }));
}

export function alertHistory(cases: readonly AlertCase[]): AlertHistory {
  const history: AlertHistory = { cases: 0, slots: 0, facts: new Map(), kinds: new Map() };
  for (const c of cases) {
    history.cases += 1;
    history.slots += c.nodes.length;
    for (const f of factsOf(c)) {
      history.facts.set(keyOf(f), (history.facts.get(keyOf(f)) ?? 0) + 1);
      history.kinds.set(f.kind, (history.kinds.get(f.kind) ?? 0) + 1);
    }
  }
  return history;
}

/** All nodes, best first; ties by name. With `among` the case is part of the history, and its own share is taken off. */
export function rankAlerts(c: AlertCase, history: AlertHistory, { among = false } = {}): RankedNode[] {
  const own = among ? 1 : 0;
  const facts = factsOf(c);
  const ownKinds = new Map<string, number>();
  for (const f of facts) ownKinds.set(f.kind, (ownKinds.get(f.kind) ?? 0) + 1);
  const cases = history.cases - own;
  const slots = history.slots - own * c.nodes.length;
  const weightOf = (f: Fact): number => {
    const here = ownKinds.get(f.kind) as number;
    if (cases <= 0) return Math.max(LEAST_WEIGHT, Math.log((c.nodes.length + 1) / here));
    const rate = ((history.kinds.get(f.kind) ?? 0) - own * here + 0.5) / (slots + 1);
    const p = ((history.facts.get(keyOf(f)) ?? 0) - own + PRIOR * rate) / (cases + PRIOR);
    return Math.max(LEAST_WEIGHT, -Math.log(Math.min(1, p + LEAST_RATE)));
  };
  const groups = new Map<string, Map<string, { score: number; text: string }>>(c.nodes.map((n) => [n, new Map()]));
  for (const f of facts) {
    const repeats = f.kind.startsWith("call ") ? 1 + Math.log(f.count) : 1;
    const score = weightOf(f) * f.factor * repeats;
    const ofNode = groups.get(f.node)!;
    if (score > (ofNode.get(f.group)?.score ?? 0)) ofNode.set(f.group, { score, text: f.kind });
  }
  return [...groups]
    .map(([name, parts]) => {
      const evidence = [...parts.values()].sort((a, b) => b.score - a.score || (a.text < b.text ? -1 : 1));
      return { name, score: evidence.reduce((p, e) => p + e.score, 0), evidence: evidence.slice(0, EVIDENCE_EACH) };
    })
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
}
