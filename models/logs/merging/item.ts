/** A template on its way through the merging that needs to see all templates at once. */
export interface Item {
  readonly pieces: readonly string[];
  readonly lines: number;
  /** Ids of the representatives in it. */
  readonly ids: readonly number[];
  /** A wildcard stands for lists or text of any length. */
  readonly open?: boolean;
}

/** One item of several, written as `pieces`. */
export function mergeItems(items: readonly Item[], pieces: readonly string[], { open = false } = {}): Item {
  const merged = { pieces, lines: items.reduce((sum, x) => sum + x.lines, 0), ids: items.flatMap((x) => x.ids) };
  return open || items.some((x) => x.open) ? { ...merged, open: true } : merged;
}

export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
