import type { Representative } from "./representative.ts";
import { wordClass } from "./word-class.ts";

/** Least share of equal words for two forms to be looked at together. */
const LEAST_SIMILARITY = 0.4;
const ID_MISMATCH = 0.25;
const KEY_MISMATCH = 2;

/**
 * Whether two representatives of one token count may be one template: equal words against differing ones, where
 * id-like words that differ count a quarter and a differing key before `=` double. O(tokens).
 */
export function linked(a: Representative, b: Representative): boolean {
  let equal = 0;
  let differing = 0;
  for (let i = 0; i < a.tokens.length; i++) {
    const ca = a.classes[i]!;
    const cb = b.classes[i]!;
    if (a.tokens[i] === b.tokens[i]) {
      if (ca < 2 && a.words[i] !== "") equal++;
      continue;
    }
    const key = (a.tokens[i] as string).endsWith("=");
    if (a.shapes[i] !== b.shapes[i]) differing += key || (b.tokens[i] as string).endsWith("=") ? KEY_MISMATCH : 1;
    else if (key && !(wordClass(a.words[i] as string) && wordClass(b.words[i] as string))) differing += KEY_MISMATCH;
    else differing += ca !== 0 && cb !== 0 ? ID_MISMATCH : 1;
  }
  return equal > 0 ? equal / (equal + differing) >= LEAST_SIMILARITY : differing === 0;
}
