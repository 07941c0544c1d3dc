import { WILDCARD } from "../characters.ts";
import { type Item, mergeItems } from "./item.ts";
import { PREPOSITION } from "./phrases.ts";

/** A word, a wildcard or one other character. */
const PART = /<\*>|[A-Za-z0-9_\u0080-\uffff]+|\s+|[^\sA-Za-z0-9_]/g;
const WORD = /^[A-Za-z]{2}/;
const MARK = /^[ ,;:(|=[-]$/;
const KEY = /^[A-Za-z_][\w.-]*=/;
const OPENERS = "([{";
const CLOSERS = ")]}";
/** Parts of the longest segment that may be missing. */
const LONGEST = 16;
/** Lines that a statement has with the segment and without it: one that is hardly ever there is another statement. */
const LEAST_LINES = 10;
/** A segment is there, and missing, in at least this share of the lines. */
const LEAST_SHARE = 0.1;
/** Constant words of the statement without it: one where a mark or a preposition leads to the segment. */
const LEAST_CONSTANTS = { led: 1, other: 2 };
/** Longer templates are left as they are: the work is the square of their length. */
const MOST_PARTS = 120;

interface Found {
  readonly bare: Item;
  readonly longer: Item;
  /** Where the segment begins in the text of `bare`. */
  readonly at: number;
}

/**
 * A template that is another one with a segment more that holds a value (`items, 3 rejected total` and `items total`) is
 * that one, when it is there about as often as not: a part that may be missing. O(templates * parts * LONGEST).
 */
export function mergeSegments(items: readonly Item[]): Item[] {
  const often = items.filter((item) => item.lines >= LEAST_LINES);
  const byText = new Map(often.map((item) => [item.pieces.join(" "), item]));
  const found: Found[] = [];
  for (const longer of often) {
    // `(lqi <*>, rssi <*>)` less `, rssi <*>`, not less ` <*>, rssi`: the last one that will do.
    const last = new Map<Item, Found>();
    const whole = longer.pieces.join(" ");
    for (const { text, at } of withoutSegments(whole)) {
      const least = isLed(whole, at) ? LEAST_CONSTANTS.led : LEAST_CONSTANTS.other;
      const bare = byText.get(text);
      if (bare && bare !== longer && isBalanced(bare, longer) && constantsOf(text) >= least)
        last.set(bare, { bare, longer, at });
    }
    found.push(...last.values());
  }
  return joined(items, found);
}

const isBalanced = (a: Item, b: Item): boolean =>
  Math.min(a.lines, b.lines) >= LEAST_SHARE * Math.max(a.lines, b.lines);

const isLed = (text: string, at: number): boolean =>
  text[at] !== " " || PREPOSITION.has(text.slice(at + 1, text.indexOf(" ", at + 1)));

/** Words that are no key of a pair. */
const constantsOf = (text: string): number =>
  text.split(" ").filter((p) => /[A-Za-z]{2}/.test(p.replace(KEY, ""))).length;

/** The text without each segment that may be missing. */
function* withoutSegments(text: string): Generator<{ text: string; at: number }> {
  const parts = text.match(PART) ?? [];
  if (parts.length > MOST_PARTS) return;
  const starts = [0];
  for (const part of parts) starts.push((starts.at(-1) as number) + part.length);
  for (let from = 1; from < parts.length; from++) {
    if (!MARK.test(parts[from] as string)) continue;
    // `, <*> C` and ` = <*>` need no word.
    const isMarked = parts[from] !== " " || parts[from + 1] === "=";
    let depth = 0;
    let value = false;
    let words = 0;
    for (let to = from + 1; to <= Math.min(parts.length, from + LONGEST); to++) {
      const part = parts[to - 1] as string;
      if (OPENERS.includes(part)) depth++;
      else if (CLOSERS.includes(part) && --depth < 0) break;
      // Pairs with a space before them are looked at by themselves.
      else if (part === "=" && parts[to] === WILDCARD && parts[from] === " ") break;
      else if (part === WILDCARD) value = true;
      else if (WORD.test(part)) words++;
      if (depth > 0 || !value || (words === 0 && !isMarked)) continue;
      const next = parts[to];
      // A segment ends where a word does.
      if (next !== undefined && !/^[\s,;:.)\]}|"']/.test(next)) continue;
      const at = starts[from] as number;
      yield { text: text.slice(0, at) + text.slice(starts[to]), at };
    }
  }
}

function joined(items: readonly Item[], found: readonly Found[]): Item[] {
  const home = new Map<Item, Item>();
  const rootOf = (item: Item): Item => {
    const up = home.get(item);
    return up ? rootOf(up) : item;
  };
  const gaps = new Map<Item, Set<number>>();
  // The shortest first: it is what all have.
  for (const { bare, longer, at } of [...found].sort((a, b) => a.bare.pieces.length - b.bare.pieces.length)) {
    const [a, b] = [rootOf(bare), rootOf(longer)];
    if (a === b) continue;
    home.set(b, a);
    gaps.set(a, new Set([...(gaps.get(a) ?? []), ...(a === bare ? [at] : [])]));
  }
  const groups = new Map<Item, Item[]>();
  for (const item of items) {
    const root = rootOf(item);
    groups.set(root, [...(groups.get(root) ?? []), item]);
  }
  return [...groups].map(([root, group]) =>
    group.length === 1 ? root : mergeItems(group, written(root, gaps.get(root) ?? new Set())),
  );
}

function written(item: Item, gaps: ReadonlySet<number>): string[] {
  const text = item.pieces.join(" ");
  let out = "";
  let from = 0;
  for (const at of [...gaps].sort((a, b) => a - b)) {
    out += text.slice(from, at) + (text.slice(from, at).endsWith(WILDCARD) ? "" : WILDCARD);
    from = at;
  }
  return (out + text.slice(from)).split(" ");
}
