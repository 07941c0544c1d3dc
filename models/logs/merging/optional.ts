import { WILDCARD } from "../characters.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";
import { hasEmptyPair, isAbsent, type Unit, unitsOf } from "./units.ts";

const WORD = /[A-Za-z]{2}/;
/** Constant words of what remains for it to be known as one statement. */
const LEAST_CONSTANTS = 2;
const LEAST_SHARED_PAIRS = 2;
/** Lines of all wordings together: what was hardly seen stays as it is. */
const LEAST_LINES = 10;
const KEY = /^[A-Za-z_][\w.-]*=/;
const PREPOSITION = new Set(["in", "at", "on"]);

interface Split {
  readonly item: Item;
  readonly units: readonly Unit[];
}

/**
 * Templates that are equal but for what may be missing, or for the wording of a value, are one: `sent <*> bytes (<*> KB)`
 * and `sent <*> bytes`, `lifetime <*> sec` and `lifetime <*>:<*>`, `next run never` and `next run at <*>`.
 */
export function mergeOptional(items: readonly Item[]): Item[] {
  const equal = merge(
    items.map((item) => ({ item, units: unitsOf(item.pieces) })),
    () => true,
  );
  const loose = equal.map((item) => ({ item, units: withoutPrepositions(unitsOf(item.pieces)) }));
  return merge(loose, (group) => group.some(({ item }) => item.pieces.some(isAbsent)));
}

function merge(list: readonly Split[], may: (group: readonly Split[]) => boolean): Item[] {
  const frames = groupBy(list, ({ units }) =>
    units
      .filter((u) => !u.optional)
      .map((u) => u.key)
      .join(" "),
  );
  const out: Item[] = [];
  for (const [frame, group] of frames) {
    const parts = may(group)
      ? related(group, constantsOf(frame)).flatMap(bySteadyParentheses).flatMap(completePairs)
      : group.map((x) => [x]);
    for (const part of parts.flatMap(often)) {
      const [first] = part as [Split];
      out.push(
        part.length === 1
          ? first.item
          : mergeItems(
              part.map((x) => x.item),
              written(part),
            ),
      );
    }
  }
  return out;
}

const constantsOf = (frame: string) => frame.split(" ").filter((p) => WORD.test(p.replace(KEY, ""))).length;

const often = (part: readonly Split[]): (readonly Split[])[] =>
  part.reduce((sum, x) => sum + x.item.lines, 0) >= LEAST_LINES ? [part] : part.map((x) => [x]);

/**
 * A template that writes pairs without their value (`user=`) writes all it has: one more pair makes another statement,
 * unless several come and go.
 */
function completePairs(part: readonly Split[]): (readonly Split[])[] {
  const pairs = (x: Split) => x.units.filter((u) => u.optional && u.key !== "()").map((u) => u.key);
  const sets = new Set(part.map((x) => pairs(x).join(" ")));
  if (sets.size !== 2 || !part.some((x) => hasEmptyPair(x.item.pieces))) return [part];
  return [...groupBy(part, (x) => pairs(x).join(" ")).values()];
}

/** A parenthesis that all have is no part that may be missing: different ones are different statements. */
function bySteadyParentheses(part: readonly Split[]): Split[][] {
  const parentheses = (x: Split) => slotsOf(x.units).map((s) => s.optional.filter((u) => u.key === "()"));
  const all = part.map(parentheses);
  const steady = (all[0] as Unit[][]).map((_, i) => all.every((slots) => (slots[i] as Unit[]).length > 0));
  const keyOf = (x: Split) =>
    parentheses(x)
      .map((units, i) => (steady[i] ? units.map((u) => u.content).join(" ") : ""))
      .join("|");
  return [...groupBy(part, keyOf).values()];
}

/** With few constants, what pairs they share says whether templates are one. */
function related(group: readonly Split[], constants: number): Split[][] {
  const paired = group.some((x) => x.units.some((u) => u.optional && u.key !== "()"));
  if (constants >= (paired ? LEAST_CONSTANTS : 1) || group.length === 1) return [[...group]];
  return bySteps(
    group,
    group.map((x) => new Set(x.units.filter((u) => u.optional && u.key !== "()").map((u) => u.key))),
  );
}

/**
 * Pairs that may be missing come and go one at a time: what is one statement is connected by steps of one pair. Two that
 * have fewer than `LEAST_SHARED_PAIRS` in common are never one.
 */
function bySteps(group: readonly Split[], keys: readonly ReadonlySet<string>[]): Split[][] {
  const home = group.map((_, i) => i);
  const rootOf = (i: number): number => (home[i] === i ? i : rootOf(home[i] as number));
  for (let i = 0; i < group.length; i++)
    for (let j = 0; j < i; j++) {
      const [a, b] = [keys[i] as ReadonlySet<string>, keys[j] as ReadonlySet<string>];
      let shared = 0;
      for (const key of a) if (b.has(key)) shared++;
      const steps = a.size + b.size - 2 * shared;
      if (shared >= LEAST_SHARED_PAIRS && steps <= 1) home[rootOf(i)] = rootOf(j);
    }
  return [
    ...groupBy(
      group.map((x, i) => ({ x, root: String(rootOf(i)) })),
      ({ root }) => root,
    ).values(),
  ].map((part) => part.map(({ x }) => x));
}

/** The text of a group: what all have is kept, `<*>` stands behind what something may follow. */
function written(group: readonly Split[]): string[] {
  const slots = group.map(({ units }) => slotsOf(units));
  const [first] = slots as [Slot[]];
  const out: string[] = [];
  for (const [i, slot] of first.entries()) {
    const same = slots.every((s) => s[i]?.fixed === slot.fixed);
    if (i > 0) out.push(same ? slot.fixed : slot.key);
    const lists = slots.map((all) => (all[i] as Slot).optional);
    const longest = lists.reduce((a, b) => (b.length > a.length ? b : a));
    const common = longest.filter((u) => lists.every((list) => list.some((o) => nameOf(o) === nameOf(u))));
    const names = new Set(common.map(nameOf));
    const gaps = new Set(lists.flatMap((list) => gapsOf(list, names)));
    if (gaps.has("")) leaveGap(out);
    for (const unit of common) {
      const texts = new Set(
        lists
          .flat()
          .filter((o) => nameOf(o) === nameOf(unit))
          .map((o) => o.text),
      );
      if (unit.mark && out.length > 0) out.push((out.pop() as string).slice(0, -unit.mark.length));
      out.push(texts.size === 1 ? unit.text : (unit.content ?? unit.key));
      if (gaps.has(nameOf(unit))) leaveGap(out);
    }
  }
  return out.join(" ").split(" ");
}

/** Names of the units (or "", the beginning) behind which something stands that not all have. */
function gapsOf(list: readonly Unit[], common: ReadonlySet<string>): string[] {
  const gaps: string[] = [];
  let before = "";
  for (const unit of list)
    if (common.has(nameOf(unit))) before = nameOf(unit);
    else gaps.push(before);
  return gaps;
}

const nameOf = (unit: Unit): string => unit.content ?? unit.key;

function leaveGap(out: string[]): void {
  const last = out.pop() ?? "";
  const mark = /[,;.]$|(?<=<\*>):$/.exec(last)?.[0] ?? "";
  const bare = last.slice(0, last.length - mark.length);
  out.push(bare.endsWith(WILDCARD) ? last : bare + WILDCARD + mark);
}

/** A fixed unit and the optional ones behind it; the first slot is the beginning. */
interface Slot {
  readonly fixed: string;
  readonly key: string;
  readonly optional: Unit[];
}

function slotsOf(units: readonly Unit[]): Slot[] {
  const slots: Slot[] = [{ fixed: "", key: "", optional: [] }];
  for (const unit of units)
    if (unit.optional) (slots.at(-1) as Slot).optional.push(unit);
    else slots.push({ fixed: unit.text, key: unit.key, optional: [] });
  return slots;
}

function withoutPrepositions(units: readonly Unit[]): Unit[] {
  const out: Unit[] = [];
  for (const [i, unit] of units.entries()) {
    const next = units[i + 1];
    if (next && PREPOSITION.has(unit.key) && next.key.startsWith(WILDCARD)) continue;
    const before = units[i - 1];
    const joined = before && PREPOSITION.has(before.key) && unit.key.startsWith(WILDCARD);
    out.push(joined ? { ...unit, text: `${before.text} ${unit.text}` } : unit);
  }
  return out;
}
