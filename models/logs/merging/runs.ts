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
      out.push(mergeItems(list, written(group), { open: true }));
    else out.push(...list);
  }
  return out;
}

/** The collapsed pieces; an id-like word by itself that all have stays. */
function written(group: readonly { pieces: readonly string[]; original: readonly string[] }[]): string[] {
  const [{ pieces, original }] = group as [(typeof group)[number]];
  return pieces.map((piece, i) =>
    group.every((c) => c.original[i] === original[i]) ? (original[i] as string) : piece,
  );
}

/** `original`: what stands for each collapsed piece, the wildcard for a run. */
function collapse(pieces: readonly string[]): { pieces: string[]; original: string[]; longestRun: number } {
  const out: string[] = [];
  const original: string[] = [];
  let run = 0;
  let longestRun = 0;
  for (const piece of pieces) {
    const value = isValuePiece(piece);
    if (!value && !isId(piece)) {
      run = 0;
      out.push(piece);
      original.push(piece);
      continue;
    }
    run++;
    if (run === 1) {
      out.push(WILDCARD);
      original.push(piece);
    } else {
      original[original.length - 1] = WILDCARD;
      if (value) longestRun = Math.max(longestRun, run);
    }
  }
  return { pieces: out, original, longestRun };
}

function isId(piece: string): boolean {
  const bare = piece.endsWith(",") || piece.endsWith(";") ? piece.slice(0, -1) : piece;
  return wordClass(bare) !== 0 && LETTER.test(piece) && !STRUCTURED.test(piece);
}
