import { WILDCARD } from "../characters.ts";
import { type Item, mergeItems } from "./item.ts";

const LONGEST_PREFIX = 8;
const LEAST_TEMPLATES = 8;
/** Behind a single constant word it takes more templates, and most of their lines in rare ones. */
const SINGLE = { templates: 20, rareLines: 0.5 };
const LEAST_LENGTHS = 3;
/** Share of the templates that were seen at most `RARE_LINES` times. */
const RARE_SHARE = 0.8;
const RARE_LINES = 2;
/** Most that one next word may take: more, and it belongs to the statement. */
const MOST_NEXT = 0.34;
const WORD = /[A-Za-z]{2}/;

/** Many rare templates of many lengths behind one beginning: what follows it is free text. Longest beginnings first. */
export function mergePrefixes(items: readonly Item[]): Item[] {
  const byPrefix = new Map<string, { length: number; single: boolean; items: Item[] }>();
  for (const item of items) {
    let constants = 0;
    for (let i = 0; i < Math.min(item.pieces.length - 1, LONGEST_PREFIX); i++) {
      if (WORD.test(item.pieces[i] as string)) constants++;
      if (constants === 0) continue;
      const key = item.pieces.slice(0, i + 1).join(" ");
      const same = byPrefix.get(key) ?? { length: i + 1, single: constants === 1, items: [] };
      byPrefix.set(key, same);
      same.items.push(item);
    }
  }
  const out = new Set(items);
  const candidates = [...byPrefix.values()].filter((c) => c.items.length >= LEAST_TEMPLATES);
  for (const { length, single, items: all } of candidates.sort((a, b) => b.length - a.length)) {
    const left = all.filter((x) => out.has(x));
    if (!isFreeText(left, length) || (single && !isMostlyRare(left))) continue;
    for (const item of left) out.delete(item);
    out.add(mergeItems(left, [...(left[0] as Item).pieces.slice(0, length), WILDCARD], { open: true }));
  }
  return [...out];
}

function isFreeText(items: readonly Item[], prefix: number): boolean {
  if (items.length < LEAST_TEMPLATES) return false;
  const lengths = new Set(items.map((x) => x.pieces.length));
  const next = new Map<string, number>();
  for (const { pieces } of items) next.set(pieces[prefix] as string, (next.get(pieces[prefix] as string) ?? 0) + 1);
  const rare = items.filter((x) => x.lines <= RARE_LINES).length;
  return (
    lengths.size >= LEAST_LENGTHS &&
    rare >= RARE_SHARE * items.length &&
    Math.max(...next.values()) <= MOST_NEXT * items.length
  );
}

function isMostlyRare(items: readonly Item[]): boolean {
  const linesOf = (list: readonly Item[]) => list.reduce((sum, x) => sum + x.lines, 0);
  const rare = linesOf(items.filter((x) => x.lines <= RARE_LINES));
  return items.length >= SINGLE.templates && rare >= SINGLE.rareLines * linesOf(items);
}
