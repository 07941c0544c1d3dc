import { mergeCombinations } from "./combinations.ts";
import { mergeEnclosed } from "./enclosed.ts";
import type { Item } from "./item.ts";
import { mergeMessages } from "./messages.ts";
import { mergeOptional } from "./optional.ts";
import { mergePhrases } from "./phrases.ts";
import { mergePrefixes } from "./prefixes.ts";
import { mergeRuns } from "./runs.ts";
import { mergeSegments } from "./segments.ts";
import { mergeStrays } from "./strays.ts";

export { type Item, mergeItems } from "./item.ts";

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
  mergeStrays,
];

export function mergeTemplates(items: readonly Item[]): Item[] {
  return steps.reduce<Item[]>((list, step) => step(list), [...items]);
}
