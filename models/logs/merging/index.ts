import { mergeCombinations } from "./combinations.ts";
import { mergeEnclosed } from "./enclosed.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";
import { mergeMessages } from "./messages.ts";
import { mergeOptional } from "./optional.ts";
import { mergePhrases } from "./phrases.ts";
import { mergePrefixes } from "./prefixes.ts";
import { mergeRuns } from "./runs.ts";
import { mergeSegments } from "./segments.ts";
import { mergeStrays } from "./strays.ts";

export { type Item, mergeItems } from "./item.ts";

/** Templates that came to the same text on several ways. */
const mergeEqual = (items: readonly Item[]): Item[] =>
  [...groupBy(items, (x) => x.pieces.join(" ")).values()].map((same) =>
    same.length === 1 ? (same[0] as Item) : mergeItems(same, (same[0] as Item).pieces),
  );

/** Merges that need all templates at once, in their order. */
const steps: readonly ((items: readonly Item[]) => Item[])[] = [
  mergeEnclosed,
  mergeRuns,
  mergeMessages,
  mergeStrays,
  mergeCombinations,
  mergeOptional,
  mergePhrases,
  mergeSegments,
  mergePrefixes,
  mergeEqual,
  mergeStrays,
];

export function mergeTemplates(items: readonly Item[]): Item[] {
  return steps.reduce<Item[]>((list, step) => step(list), [...items]);
}
