import { WILDCARD } from "../characters.ts";
import { type Item, mergeItems } from "./item.ts";
import { parenthesisEnd } from "./units.ts";

/** Words that lead to what may be missing. */
export const PREPOSITION: ReadonlySet<string> = new Set(
  "after in from at for by with since within via during on of until till over".split(" "),
);
const WORD = /[A-Za-z]{2}/;
const LONGEST = 5;
const PAIR = /^[\w.-]+=/;
/** Lines that both wordings must have: an accident is rare. */
const LEAST_LINES = 5;
const LEAST_CONSTANTS = 2;

/**
 * A template that is another one with a phrase more (`... received` and `... received after <*>`, a clause between commas
 * with a value in it, a remark in parentheses) is that one, when both are seen often.
 */
export function mergePhrases(items: readonly Item[]): Item[] {
  const byText = new Map(items.map((item) => [item.pieces.join(" "), item]));
  const parent = new Map<Item, Item>();
  const rootOf = (item: Item): Item => {
    const up = parent.get(item);
    return up ? rootOf(up) : item;
  };
  const gaps = new Map<Item, Set<number>>();
  const remarks = new Map<Item, { item: Item; at: number; text: string }[]>();
  const join = (bare: Item, longer: Item, at: number) => {
    if (rootOf(bare) === rootOf(longer)) return;
    parent.set(rootOf(longer), rootOf(bare));
    gaps.set(bare, (gaps.get(bare) ?? new Set()).add(at));
  };
  for (const item of items) {
    if (item.lines < LEAST_LINES) continue;
    for (const { from, to, value } of phrasesOf(item.pieces)) {
      const bare = byText.get(without(item.pieces, from, to).join(" "));
      if (!bare || bare.lines < LEAST_LINES || constantsOf(bare.pieces) < LEAST_CONSTANTS) continue;
      if (value) join(bare, item, from);
      else {
        const text = item.pieces.slice(from, to).join(" ");
        remarks.set(bare, [...(remarks.get(bare) ?? []), { item, at: from, text }]);
      }
    }
  }
  // Several different remarks behind one statement say different things.
  for (const [bare, list] of remarks)
    if (new Set(list.map((x) => x.text)).size === 1) for (const { item, at } of list) join(bare, item, at);
  const groups = new Map<Item, Item[]>();
  for (const item of items) groups.set(rootOf(item), [...(groups.get(rootOf(item)) ?? []), item]);
  return [...groups].map(([root, group]) =>
    group.length === 1
      ? root
      : mergeItems(
          group,
          withGaps(
            root.pieces,
            group.flatMap((x) => [...(gaps.get(x) ?? [])]),
          ),
        ),
  );
}

const constantsOf = (pieces: readonly string[]) => pieces.filter((p) => WORD.test(p)).length;

function withGaps(pieces: readonly string[], at: readonly number[]): string[] {
  return pieces.map((piece, i) => {
    if (!at.includes(i + 1)) return piece;
    const end = /[,;.]$/.exec(piece)?.[0] ?? "";
    return piece.slice(0, piece.length - end.length) + WILDCARD + end;
  });
}

/** A trailing comma goes with the clause that it led to. */
function without(pieces: readonly string[], from: number, to: number): string[] {
  const left = [...pieces.slice(0, from), ...pieces.slice(to)];
  if (to === pieces.length && from > 0) left[from - 1] = (left[from - 1] as string).replace(/,$/, "");
  return left;
}

function* phrasesOf(pieces: readonly string[]): Generator<{ from: number; to: number; value: boolean }> {
  for (let from = 1; from < pieces.length; from++) {
    const remark = parenthesisEnd(pieces, from);
    if (remark > from) {
      yield { from, to: remark, value: false };
      continue;
    }
    const afterComma = (pieces[from - 1] as string).endsWith(",");
    const first = pieces[from] as string;
    const known = afterComma || PREPOSITION.has(first);
    for (let to = from + 1; to <= Math.min(pieces.length, from + LONGEST); to++) {
      const part = pieces.slice(from, to);
      const ends = to === pieces.length || (afterComma && (pieces[to - 1] as string).endsWith(","));
      const remarked = part.some((p) => p.startsWith("("));
      if (!ends || (!known && !remarked) || (!remarked && part.some((p) => PAIR.test(p)))) continue;
      const value = part.some((p) => p.includes(WILDCARD)) && part.some((p) => WORD.test(p));
      if (value) yield { from, to, value };
    }
  }
}
