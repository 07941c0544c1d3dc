import { WILDCARD } from "../characters.ts";
import { parametersOf } from "../parameters.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";

/** A stray has at most this share of the lines of the template that it fits, or this many where it stands for text. */
const RARE_SHARE = 0.01;
const RARE_LINES = 3;
/** Lines of a template that is sure of its wildcards. */
const SURE_LINES = 50;
const LEAST_CONSTANTS = 2;
/** Sure templates that a stray is compared with. */
const MOST_COMPARED = 200;
const WORD = /[A-Za-z]{2}/;

/**
 * A rare template that differs from a frequent one only where that has a wildcard is one of its lines: an id of letters
 * alone, a list or text of a length not met before (only where the wildcard stands for lists or text).
 */
export function mergeStrays(items: readonly Item[]): Item[] {
  const sure = items.filter((x) => x.lines >= SURE_LINES && constantsOf(x) >= LEAST_CONSTANTS);
  const byFirst = groupBy(sure, (x) => x.pieces[0] as string);
  const taken = new Map<Item, Item[]>();
  const out: Item[] = [];
  for (const item of items) {
    const candidates = [...(byFirst.get(item.pieces[0] as string) ?? []), ...wildBeginnings(byFirst)];
    const home = candidates.slice(0, MOST_COMPARED).find((t) => t !== item && isRare(item, t) && fits(item, t));
    if (home) taken.set(home, [...(taken.get(home) ?? []), item]);
    else out.push(item);
  }
  return out.map((item) => {
    const strays = taken.get(item);
    return strays ? mergeItems([item, ...strays], item.pieces) : item;
  });
}

const constantsOf = (item: Item) => item.pieces.filter((p) => WORD.test(p)).length;

const wildBeginnings = (byFirst: ReadonlyMap<string, Item[]>): Item[] =>
  [...byFirst].flatMap(([first, list]) => (first.includes(WILDCARD) ? list : []));

const isRare = (item: Item, t: Item): boolean => item.lines <= Math.max(RARE_SHARE * t.lines, t.open ? RARE_LINES : 0);

function fits(item: Item, template: Item): boolean {
  if (item.pieces.length === template.pieces.length) {
    const differing = template.pieces.flatMap((piece, i) => (piece === item.pieces[i] ? [] : [i]));
    const [at] = differing;
    if (differing.length === 1 && at !== undefined)
      return parametersOf(item.pieces[at] as string, template.pieces[at] as string) !== undefined;
  }
  return template.open === true && parametersOf(item.pieces.join(" "), template.pieces.join(" ")) !== undefined;
}
