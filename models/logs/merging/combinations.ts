import { WILDCARD } from "../characters.ts";
import { joinedPieces, masked, shapeOf, tokensOf } from "../tokens.ts";
import { isIdLike, wordClass } from "../word-class.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";

/** Words at a place for it to be one of values; two are a switch (on and off), which people keep apart. */
const LEAST_VALUES = 3;
const LEAST_PLACES = 2;
/** Templates: nobody wrote more than this many statements that are combinations of the same words. */
const LEAST_TEMPLATES = 9;
/** Share of the possible combinations that there are. */
const LEAST_DENSITY = 0.5;
const LEAST_CONSTANTS = 2;
/** Templates of more tokens are left as they are. */
const MOST_TOKENS = 64;
const HOLE = "\u0002";
const LETTERS = /[A-Za-z]{2}/;

interface Cut {
  readonly item: Item;
  readonly tokens: readonly string[];
  readonly words: readonly string[];
}

/**
 * Templates that are the combinations of a few words at two places or more (`Processing by Orders#show as JSON`) are one:
 * a place where words come with all words of another place tells nothing. A place by itself with so few words tells
 * statements apart. O(templates * tokens).
 */
export function mergeCombinations(items: readonly Item[]): Item[] {
  const cuts = items.map((item): Cut => ({ item, ...tokensOf(item.pieces) }));
  const left = new Set(cuts);
  const found: Combination[] = [];
  for (const family of groupBy(cuts, frameOf).values()) {
    if (family.length < LEAST_TEMPLATES || (family[0] as Cut).tokens.length > MOST_TOKENS) continue;
    for (const part of connected(family))
      for (const combination of combined(part)) {
        found.push(combination);
        for (const cut of combination.cuts) left.delete(cut);
      }
  }
  for (const combination of found)
    for (const cut of left)
      if (isOneOf(cut, combination)) {
        combination.cuts.push(cut);
        left.delete(cut);
      }
  return [
    ...[...left].map((x) => x.item),
    ...found.map(({ cuts, pieces }) =>
      mergeItems(
        cuts.map((x) => x.item),
        pieces,
      ),
    ),
  ];
}

/** Templates that are one, and the words at the places where they differ. */
interface Combination {
  readonly cuts: Cut[];
  readonly pieces: readonly string[];
  readonly words: ReadonlyMap<number, ReadonlySet<string>>;
}

/** Whether a template is of a combination, with a wildcard already where others have words. */
function isOneOf({ tokens, words }: Cut, { cuts, words: known }: Combination): boolean {
  const [first] = cuts as [Cut];
  return (
    tokens.length === first.tokens.length &&
    tokens.every((token, i) => {
      if (token === first.tokens[i]) return true;
      const word = words[i] as string;
      const isKnown = word === WILDCARD ? known.has(i) : known.get(i)?.has(word) === true;
      return isKnown && shapeOf(token, word) === shapeOf(first.tokens[i] as string, first.words[i] as string);
    })
  );
}

/** The template without its plain words. */
const frameOf = ({ tokens, words }: Cut): string =>
  tokens.map((t, i) => (isOpen(words[i] as string) ? shapeOf(t, words[i] as string) : t)).join(HOLE);

const isOpen = (word: string): boolean => word !== "" && !isIdLike(wordClass(word));

/** Parts in which every template is reached from every other one by changing a word at a time. */
function connected(family: readonly Cut[]): Cut[][] {
  const home = family.map((_, i) => i);
  const rootOf = (i: number): number => {
    let root = i;
    while (home[root] !== root) root = home[root] as number;
    home[i] = root;
    return root;
  };
  for (const place of placesOf(family)) {
    const seen = new Map<string, number>();
    for (const [i, { tokens }] of family.entries()) {
      const key = tokens.map((t, at) => (at === place ? HOLE : t)).join("");
      const other = seen.get(key);
      if (other === undefined) seen.set(key, i);
      else home[rootOf(i)] = rootOf(other);
    }
  }
  return [...groupBy(family.entries(), ([i]) => String(rootOf(i))).values()].map((part) => part.map(([, cut]) => cut));
}

/** Where the templates differ. */
function placesOf(cuts: readonly Cut[]): number[] {
  const [first] = cuts as [Cut];
  return first.tokens.flatMap((token, i) => (cuts.some((x) => x.tokens[i] !== token) ? [i] : []));
}

function combined(part: readonly Cut[]): Combination[] {
  const places = placesOf(part);
  const valuesAt = new Map(places.map((i) => [i, new Set(part.map((x) => x.words[i] as string))]));
  const [first] = part as [Cut];
  const constants = first.words.filter((w, i) => LETTERS.test(w) && isOpen(w) && !valuesAt.has(i)).length;
  const possible = [...valuesAt.values()].reduce((product, words) => product * words.size, 1);
  if (part.length < LEAST_TEMPLATES || places.length < LEAST_PLACES || constants < LEAST_CONSTANTS) return [];
  if (part.length < LEAST_DENSITY * possible) return [];
  const words = new Map(
    [...valuesAt].filter(([i, set]) => set.size >= LEAST_VALUES && !(first.tokens[i] as string).includes("=")),
  );
  const written = (x: Cut): string[] =>
    joinedPieces(x.tokens.map((t, i) => (words.has(i) ? masked(t, x.words[i] as string) : t)));
  return [...groupBy(part, (x) => written(x).join(" ")).values()]
    .filter((cuts) => cuts.length > 1)
    .map((cuts) => ({ cuts, pieces: written(cuts[0] as Cut), words }));
}
