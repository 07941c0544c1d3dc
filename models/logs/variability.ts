import { MASK, MIXED, NAME, PLAIN, wordClass } from "./word-class.ts";

/** Distinct values at which a position with plain words varies, by the number of constant words around it: 0, 1, 2, 3+. */
const VALUES_IF_RARE = [Number.POSITIVE_INFINITY, 8, 5, 4];
const VALUES_ALWAYS = [Number.POSITIVE_INFINITY, 12, 8, 6];
/** Share of values seen once that makes `VALUES_IF_RARE` enough. */
const RARE_SHARE = 0.5;
const ID_LIKE_SHARE = 0.34;
const NAMES = { values: 3, rareShare: 0.34, always: 6 };
/** Constant words beside which two qualified names are enough. */
const CONSTANTS_FOR_QUALIFIED = 2;
/** A name of three parts or more (`com.example.shop`): hardly ever the word that tells two statements apart. */
const QUALIFIED = /[A-Za-z_]\w*\.[A-Za-z_]\w*\.[A-Za-z_]/;

/**
 * Whether a position varies, from the words seen there (`lines` each) and the number of constant words of the template.
 * Id-like words vary at once; plain words only when there are many different ones: "VM Started" and "VM Paused" are two
 * statements, twelve user names are one. O(values).
 */
export function varies(lines: ReadonlyMap<string, number>, constants: number): boolean {
  const distinct = lines.size;
  let idLike = 0;
  let names = 0;
  let plain = 0;
  let masks = 0;
  let once = 0;
  let qualified = 0;
  for (const [word, count] of lines) {
    const c = wordClass(word);
    if (c === NAME) {
      names++;
      if (QUALIFIED.test(word)) qualified++;
    }
    if (c === PLAIN) plain++;
    else if (c !== NAME) idLike++;
    if (c === MASK) masks++;
    if (count === 1) once++;
  }
  const rare = once / distinct;
  if (plain === 0) {
    if (names === 0) return distinct >= 2;
    if (qualified === distinct && distinct >= 2 && constants >= CONSTANTS_FOR_QUALIFIED) return true;
    if ((names < distinct || constants >= 1) && distinct >= NAMES.values)
      if (rare >= NAMES.rareShare || distinct >= NAMES.always) return true;
  }
  if (idLike > 0 && distinct > 2 && idLike >= ID_LIKE_SHARE * distinct) return true;
  if (idLike > 0 && distinct === 2 && constants >= 3 && masks > 0) return true;
  const c = Math.min(constants, 3);
  if (distinct < VALUES_IF_RARE[c]!) return false;
  return distinct >= VALUES_ALWAYS[c]! || rare >= RARE_SHARE;
}

export const hasConstantLetters = (word: string, wordClassOf: number): boolean =>
  (wordClassOf === PLAIN || wordClassOf === MIXED) && /[A-Za-z]/.test(word);
