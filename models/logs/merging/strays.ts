import { WILDCARD } from "../characters.ts";
import { parametersOf } from "../parameters.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";

/** A stray has at most this share of the lines of the template that it fits, or this many where it stands for text. */
const RARE_SHARE = 0.01;
const RARE_LINES = 3;
/** The share where the wildcard of the template stands for lists or text: a word that came often is still one of them. */
const OPEN_SHARE = 0.05;
/** Lines of a template that is sure of its wildcards. */
const SURE_LINES = 20;
const LEAST_CONSTANTS = 2;
/** Strays that a template of fewer constant words must have: so many can't be statements of their own. */
const MANY_STRAYS = 20;
/** Sure templates that a stray is compared with. */
const MOST_COMPARED = 200;
const WORD = /[A-Za-z]{2}/;

/**
 * A rare template that differs from a frequent one only where that has a wildcard is one of its lines: an id of letters
 * alone, a list or text of a length not met before (only where the wildcard stands for lists or text).
 */
export function mergeStrays(items: readonly Item[]): Item[] {
  const sure = takeStrays(items, (constants) => constants >= LEAST_CONSTANTS, 1);
  return takeStrays(sure, (constants, open) => open && constants === LEAST_CONSTANTS - 1, MANY_STRAYS);
}

/** Each template that may take strays does so where it has `least` of them or more. */
function takeStrays(items: readonly Item[], may: (constants: number, open: boolean) => boolean, least: number): Item[] {
  const homes = items.filter((x) => x.lines >= SURE_LINES && may(constantsOf(x), x.open === true));
  const byFirst = groupBy(homes, (x) => x.pieces[0] as string);
  const homeOf = new Map<Item, Item>();
  const found = new Map<Item, number>();
  for (const item of items) {
    const candidates = [...(byFirst.get(item.pieces[0] as string) ?? []), ...wildBeginnings(byFirst)];
    const home = candidates.slice(0, MOST_COMPARED).find((t) => t !== item && isRare(item, t) && fits(item, t));
    if (!home) continue;
    homeOf.set(item, home);
    found.set(home, (found.get(home) ?? 0) + 1);
  }
  // A home can be a stray of one that has far more lines.
  const rootOf = (item: Item): Item => {
    const home = homeOf.get(item);
    return home && (found.get(home) as number) >= least ? rootOf(home) : item;
  };
  return [...gathered(items, rootOf)].map(([root, group]) =>
    group.length === 1 ? root : mergeItems(group, root.pieces),
  );
}

/** Items by their root, the root first. */
function gathered(items: readonly Item[], rootOf: (item: Item) => Item): Map<Item, Item[]> {
  const groups = new Map<Item, Item[]>();
  for (const item of items) {
    const root = rootOf(item);
    const group = groups.get(root) ?? [root];
    groups.set(root, group);
    if (item !== root) group.push(item);
  }
  return groups;
}

const constantsOf = (item: Item) => item.pieces.filter((p) => WORD.test(p)).length;

const wildBeginnings = (byFirst: ReadonlyMap<string, Item[]>): Item[] =>
  [...byFirst].flatMap(([first, list]) => (first.includes(WILDCARD) ? list : []));

const isRare = (item: Item, t: Item): boolean =>
  item.lines <= (t.open ? Math.max(OPEN_SHARE * t.lines, RARE_LINES) : RARE_SHARE * t.lines);

function fits(item: Item, template: Item): boolean {
  if (item.pieces.length === template.pieces.length) {
    const differing = template.pieces.flatMap((piece, i) => (piece === item.pieces[i] ? [] : [i]));
    const [at] = differing;
    if (differing.length === 1 && at !== undefined)
      return parametersOf(item.pieces[at] as string, template.pieces[at] as string) !== undefined;
  }
  return template.open === true && parametersOf(item.pieces.join(" "), template.pieces.join(" ")) !== undefined;
}
