import { WILDCARD } from "../characters.ts";
import { isValuePiece } from "../tokens.ts";
import { wordClass } from "../word-class.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";

const LETTER = /[A-Za-z]/;
const WORD = /[A-Za-z]{2}/;
const STRUCTURED = /[=:(){}[\]"']/;
const LONG_RUN = 3;
const MANY = 3;

/**
 * Templates that are equal once runs of masked values and id-like words are one `<*>` are one, when a run is long or
 * there are several such templates: lists of different length.
 */
export function mergeRuns(items: readonly Item[]): Item[] {
  const collapsed = items.map((item) => ({ item, ...collapse(item.pieces) }));
  const out: Item[] = [];
  const candidates = collapsed.filter((c) => {
    const fixed = c.pieces.some((p) => WORD.test(p));
    if (!fixed) out.push(c.item);
    return fixed;
  });
  for (const group of groupBy(candidates, (c) => c.pieces.join(" ")).values()) {
    const list = group.map((c) => c.item);
    const longest = Math.max(...group.map((c) => c.longestRun));
    if (list.length > 1 && (longest >= LONG_RUN || list.length >= MANY))
      out.push(mergeItems(list, (group[0] as (typeof group)[number]).pieces, { open: true }));
    else out.push(...list);
  }
  return out;
}

function collapse(pieces: readonly string[]): { pieces: string[]; longestRun: number } {
  const out: string[] = [];
  let run = 0;
  let longestRun = 0;
  for (const piece of pieces) {
    const value = isValuePiece(piece);
    if (!value && !isId(piece)) {
      run = 0;
      out.push(piece);
      continue;
    }
    run++;
    if (run === 1) out.push(WILDCARD);
    else if (value) longestRun = Math.max(longestRun, run);
  }
  return { pieces: out, longestRun };
}

function isId(piece: string): boolean {
  const bare = piece.endsWith(",") || piece.endsWith(";") ? piece.slice(0, -1) : piece;
  return wordClass(bare) !== 0 && LETTER.test(piece) && !STRUCTURED.test(piece);
}
