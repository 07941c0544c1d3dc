import type { Representative } from "./representative.ts";
import { hasConstantLetters, varies } from "./variability.ts";
import { CALENDAR, MESSAGE, PLAIN, UNIT, wordClass } from "./word-class.ts";

/**
 * Splits similar representatives (one token count) into cells, each of which is one template. A position with several
 * values either varies or tells templates apart; the members are split at the one with the fewest values, and each part
 * is judged by itself. Positions of different shape are split first. A position that varies stays so in the parts.
 * O(members * tokens) for each level of splitting.
 */
export function judge(members: readonly Representative[]): Representative[][] {
  const cells: Representative[][] = [];
  const todo: { group: readonly Representative[]; varying: ReadonlySet<number> }[] = [
    { group: members, varying: new Set() },
  ];
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { group } = next;
    const varying = new Set(next.varying);
    const at = group.length > 1 ? splitPosition(group, varying) : undefined;
    if (!at) {
      cells.push([...group]);
      continue;
    }
    const parts = new Map<string, Representative[]>();
    for (const r of group) {
      const value = (at.byShape ? r.shapes : r.tokens)[at.position] as string;
      const part = parts.get(value);
      if (part) part.push(r);
      else parts.set(value, [r]);
    }
    for (const part of parts.values()) todo.push({ group: part, varying });
  }
  return cells;
}

/** Where to split, undefined when the group is one template. Adds positions that vary to `varying`. */
function splitPosition(
  group: readonly Representative[],
  varying: Set<number>,
): { position: number; byShape: boolean } | undefined {
  const first = group[0] as Representative;
  const open: number[] = [];
  let constants = 0;
  for (let i = 0; i < first.tokens.length; i++) {
    if (group.some((r) => r.tokens[i] !== first.tokens[i])) open.push(i);
    else if (hasConstantLetters(first.words[i] as string, first.classes[i]!)) constants++;
  }
  let best: { position: number; byShape: boolean; values: number } | undefined;
  const consider = (position: number, byShape: boolean, values: number) => {
    if (!best || (byShape && !best.byShape) || (byShape === best.byShape && values < best.values))
      best = { position, byShape, values };
  };
  for (const i of open) {
    const shapes = new Set<string>();
    for (const r of group) shapes.add(r.shapes[i] as string);
    if (shapes.size > 1) consider(i, true, shapes.size);
    else if (!varying.has(i) || isPlainKey(group, i)) {
      if (!isPlainKey(group, i) && varies(valuesAt(group, i), constants)) varying.add(i);
      else consider(i, false, new Set(group.map((r) => r.tokens[i])).size);
    }
  }
  return best;
}

/** Words at a position with their lines; units and calendar words count as id-like. */
function valuesAt(group: readonly Representative[], i: number): Map<string, number> {
  const values = new Map<string, number>();
  for (const r of group) {
    const c = r.classes[i]!;
    const word = c === UNIT || c === CALENDAR ? `1${r.words[i]}` : (r.words[i] as string);
    values.set(word, (values.get(word) ?? 0) + r.lines);
  }
  return values;
}

/** A plain word before `=` names its value, a message of one word its statement: they never vary. */
function isPlainKey(group: readonly Representative[], i: number): boolean {
  if (group.some((r) => r.classes[i] === MESSAGE)) return true;
  return (
    group.some((r) => (r.tokens[i] as string).includes("=")) &&
    group.some((r) => r.classes[i] !== UNIT && r.classes[i] !== CALENDAR && wordClass(r.words[i] as string) === PLAIN)
  );
}
