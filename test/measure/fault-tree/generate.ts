/** Fault trees for tests: random ones, and families whose answers are known. */

export interface RandomTree {
  readonly events: number;
  readonly gates: number;
  /** Inputs of a gate, at least 2. */
  readonly width: number;
  /** Share of inputs taken from what is used already. */
  readonly shared: number;
  readonly seed: number;
  /** Negations and exclusive gates among the rest. */
  readonly coherent?: boolean;
  /** Chance of each event, at most. */
  readonly p?: number;
}

/** Small and fast, for tests only. */
export function random(seed: number): () => number {
  let s = (seed >>> 0) + 0x6d2b79f5;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A model with one top `g0`; gates use later gates alone, so there is no cycle. */
export function randomTree({ events, gates, width, shared, seed, coherent = true, p = 0.5 }: RandomTree): string {
  const rand = random(seed);
  const pick = (n: number) => Math.floor(rand() * n);
  const usedEvents: number[] = [];
  let freshEvent = 0;
  const lines: string[] = [];
  // Every gate but the top is asked for by an earlier one.
  const wanted: number[][] = Array.from({ length: gates }, () => []);
  for (let g = 1; g < gates; g++) wanted[Math.max(0, g - 1 - pick(Math.max(1, Math.min(g, width))))]!.push(g);
  for (let g = 0; g < gates; g++) {
    const inputs = new Set<string>(wanted[g]!.map((n) => `<gate name="g${n}"/>`));
    const n = Math.max(2, 2 + pick(width - 1));
    for (let tries = 0; inputs.size < n && tries < 50; tries++) {
      if (rand() < shared && g + 1 < gates && rand() < 0.5)
        inputs.add(`<gate name="g${g + 1 + pick(gates - g - 1)}"/>`);
      else if ((rand() < shared || freshEvent >= events) && usedEvents.length > 0)
        inputs.add(`<basic-event name="e${usedEvents[pick(usedEvents.length)]}"/>`);
      else if (freshEvent < events) {
        usedEvents.push(freshEvent);
        inputs.add(`<basic-event name="e${freshEvent++}"/>`);
      }
    }
    const args = [...inputs].map((a) => (!coherent && rand() < 0.2 ? `<not>${a}</not>` : a));
    const dice = rand();
    const name =
      args.length > 2 && dice < 0.12
        ? `atleast min="${2 + pick(args.length - 2)}"`
        : !coherent && dice < 0.2
          ? "xor"
          : !coherent && dice < 0.25
            ? "nand"
            : !coherent && dice < 0.3
              ? "iff"
              : dice < 0.55
                ? "and"
                : "or";
    lines.push(`<define-gate name="g${g}"><${name}>${args.join("")}</${name.split(" ")[0]}></define-gate>`);
  }
  for (let e = 0; e < freshEvent; e++)
    lines.push(
      `<define-basic-event name="e${e}"><float value="${(0.001 + rand() * p).toFixed(6)}"/></define-basic-event>`,
    );
  return `<opsa-mef><define-fault-tree name="T">\n${lines.join("\n")}\n</define-fault-tree></opsa-mef>`;
}

/** `and` of `n` trains, each an `or` of `m` components of its own: m^n cut sets of order n, probability (1-(1-p)^m)^n. */
export function trains(n: number, m: number, p: number): string {
  const out: string[] = [];
  const list = (k: number, f: (i: number) => string) => Array.from({ length: k }, (_, i) => f(i)).join("");
  out.push(`<define-gate name="top"><and>${list(n, (i) => `<gate name="t${i}"/>`)}</and></define-gate>`);
  for (let i = 0; i < n; i++) {
    out.push(`<define-gate name="t${i}"><or>${list(m, (j) => `<basic-event name="c${i}_${j}"/>`)}</or></define-gate>`);
    out.push(list(m, (j) => `<define-basic-event name="c${i}_${j}"><float value="${p}"/></define-basic-event>`));
  }
  return `<opsa-mef><define-fault-tree name="T">${out.join("\n")}</define-fault-tree></opsa-mef>`;
}

/** At least `k` of `n` equal events. */
export function vote(k: number, n: number, p: number): string {
  const names = Array.from({ length: n }, (_, i) => `e${i}`);
  return `<opsa-mef><define-fault-tree name="T"><define-gate name="top"><atleast min="${k}">${names.map((e) => `<basic-event name="${e}"/>`).join("")}</atleast></define-gate>${names
    .map((e) => `<define-basic-event name="${e}"><float value="${p}"/></define-basic-event>`)
    .join("")}</define-fault-tree></opsa-mef>`;
}

/**
 * Two-terminal network: top is "no way from the first column to the last" on a grid of `rows` x `columns` nodes whose
 * horizontal and vertical links fail. Cut sets share links everywhere: no module, hard for any order.
 */
export function grid(rows: number, columns: number, p: number): string {
  const out: string[] = [];
  const events = new Set<string>();
  const event = (name: string) => {
    events.add(name);
    return `<basic-event name="${name}"/>`;
  };
  // cut_r_c: node (r, c) can't be reached from column 0 going right, up or down within column c.
  const all = Array.from({ length: rows }, (_, r) => r);
  out.push(
    `<define-gate name="top"><and>${all.map((r) => `<gate name="n_${r}_${columns - 1}"/>`).join("")}</and></define-gate>`,
  );
  for (let c = 1; c < columns; c++)
    for (const r of all) {
      // Cut from every row of the column before: either that node is, or its link right, or one of the vertical links between.
      const ways = all.map((from) => {
        const [low, high] = [Math.min(r, from), Math.max(r, from)];
        const between = Array.from({ length: high - low }, (_, i) => event(`v_${low + i}_${c}`));
        const before = c > 1 ? `<gate name="n_${from}_${c - 1}"/>` : "";
        return `<or>${before}${event(`h_${from}_${c}`)}${between.join("")}</or>`;
      });
      out.push(`<define-gate name="n_${r}_${c}"><and>${ways.join("")}</and></define-gate>`);
    }
  for (const e of events) out.push(`<define-basic-event name="${e}"><float value="${p}"/></define-basic-event>`);
  return `<opsa-mef><define-fault-tree name="T">${out.join("\n")}</define-fault-tree></opsa-mef>`;
}
