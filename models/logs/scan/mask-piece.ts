import { BLANK, DELIMITER, FLAGS, JOINER, LETTER, MASKED, SPACE } from "./codes.ts";
import { maskColonGroups } from "./colon-groups.ts";
import { maskList } from "./mask-list.ts";
import { maskWord } from "./mask-word.ts";
import { pathEnd } from "./path-end.ts";

const KEYWORDS = ["true", "false", "null", "none", "nil", "nan", "undefined"].map((word) =>
  Uint16Array.from(word, (c) => c.charCodeAt(0)),
);
const MESSAGE_KEYS = ["msg", "message", "event", "evt", "action"].map((word) =>
  Uint16Array.from(word, (c) => c.charCodeAt(0)),
);
const LONGEST_KEYWORD = 9;
/** Letters a-f in a row that are an id: no word has so many. */
const LEAST_HEX_LETTERS = 8;
const keywordBegins = new Uint8Array(128);
for (const c of "tfnuTFNU") keywordBegins[c.charCodeAt(0)] = 1;

/** Where a piece ends, in the source and in what was written. */
export const pieceEnds = { source: 0, out: 0 };

/**
 * Writes the white-space piece of `source` at `start` to `out` at `begin`, masked; sets `pieceEnds`. `source` has white
 * space behind the line. One pass, no allocation; a piece with times or addresses is written twice.
 */
export function maskPiece(source: Uint16Array, start: number, out: Uint16Array, begin: number): void {
  let i = start;
  let o = begin;
  let wordStart = i;
  let wordOut = o;
  let digit = false;
  let slashes = 0;
  let colons = 0;
  let commas = false;
  let masks = false;
  for (;;) {
    let c = source[i]!;
    const f = FLAGS[c]!;
    if ((f & (SPACE | DELIMITER)) === 0) {
      if (c <= 57) {
        if (c >= 48) digit = true;
        else if (c === 47) slashes++;
      } else if (c === 92) slashes++;
      out[o++] = c;
      i++;
      continue;
    }
    if (i > wordStart) {
      if (slashes >= 2 && source[wordStart] === 47 && (f & SPACE) === 0 && c !== 44 && c !== 59) {
        i = pathEnd(source, wordStart);
        c = source[i]!;
        commas = true;
      }
      if (digit || slashes >= 2) {
        o = maskWord(source, wordStart, i, out, wordOut);
        masks = true;
      } else if (
        (keywordBegins[source[wordStart]! & 127] === 1 && isKeyword(source, wordStart, i)) ||
        (i - wordStart >= LEAST_HEX_LETTERS && areHexLetters(source, wordStart, i))
      ) {
        o = wordOut;
        out[o++] = MASKED;
        masks = true;
      }
    }
    if ((FLAGS[c]! & SPACE) !== 0) break;
    if (c === 58) {
      if (slashes === 0 && source[i + 1] === 47 && source[i + 2] === 47 && isScheme(source, wordStart, i)) {
        o = wordOut;
        out[o++] = MASKED;
        masks = true;
        i = pathEnd(source, i);
        wordStart = i;
        wordOut = o;
        digit = false;
        continue;
      }
      colons++;
    } else if (c === 44) commas = true;
    out[o++] = c;
    i++;
    if (c === 62 && o - begin >= 3 && out[o - 2] === 42 && out[o - 3] === 60) {
      o -= 2;
      out[o - 1] = MASKED;
      masks = true;
    } else if (c === 61) {
      const named = o - begin > 1 && !isMessageKey(out, wordOut, o - 1);
      const end = named ? valueEnd(source, i, out[o - 2]!) : i;
      if (end > i) {
        out[o++] = MASKED;
        masks = true;
        i = end;
      }
    }
    wordStart = i;
    wordOut = o;
    digit = false;
    slashes = 0;
  }
  if (masks && colons > 1) {
    const from = maskColonGroups(source, start, i);
    // Fewer colons than before: this ends.
    if (from > start) {
      maskPiece(source, from, out, begin);
      o = pieceEnds.out;
      commas = true;
    }
  }
  if (commas) o = maskList(out, begin, o);
  pieceEnds.source = i;
  pieceEnds.out = masks && o - begin > 1 ? joined(out, begin, o) : o;
}

/** Masks with nothing but joiners between them are one. */
function joined(out: Uint16Array, begin: number, end: number): number {
  let o = begin;
  /** Behind the mask before, while only joiners have come since. */
  let joinAt = -1;
  for (let i = begin; i < end; i++) {
    const c = out[i]!;
    if (c === MASKED) {
      if (joinAt >= 0) o = joinAt;
      else {
        out[o++] = c;
        joinAt = o;
      }
      continue;
    }
    if ((FLAGS[c]! & JOINER) === 0) joinAt = -1;
    out[o++] = c;
  }
  return o;
}

function isKeyword(source: Uint16Array, from: number, to: number): boolean {
  const length = to - from;
  if (length < 3 || length > LONGEST_KEYWORD) return false;
  return KEYWORDS.some((word) => word.length === length && word.every((c, i) => (source[from + i]! | 32) === c));
}

function areHexLetters(source: Uint16Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const c = source[i]! | 32;
    if (c < 97 || c > 102) return false;
  }
  return true;
}

/** `msg`, `event`: what stands behind them says which statement it is. */
function isMessageKey(out: Uint16Array, from: number, to: number): boolean {
  return MESSAGE_KEYS.some((word) => word.length === to - from && word.every((c, i) => (out[from + i]! | 32) === c));
}

/** A letter, then letters, `+` and `.`. */
function isScheme(source: Uint16Array, from: number, to: number): boolean {
  if (from === to || (FLAGS[source[from]!]! & LETTER) === 0) return false;
  for (let i = from + 1; i < to; i++) {
    const c = source[i]!;
    if ((FLAGS[c]! & LETTER) === 0 && c !== 43 && c !== 46) return false;
  }
  return true;
}

/**
 * Index behind the value that starts at `start` after `=`: up to white space, `,`, `;` or a closing bracket that it
 * didn't open. `start` itself where it is none: no name before `=`, a quoted value, another `=` in it.
 */
function valueEnd(source: Uint16Array, start: number, before: number): number {
  if ((FLAGS[before]! & LETTER) === 0 && before !== 95 && before !== 62 && before !== MASKED) return start;
  const first = source[start]!;
  if (first <= BLANK || first === 61 || first === 44 || first === 59) return start;
  if (first === 34 || first === 39 || first === 62 || first === 41) return start;
  let depth = 0;
  let i = start;
  for (; ; i++) {
    const c = source[i]!;
    if (c <= BLANK) break;
    if (c === 40 || c === 91 || c === 123) depth++;
    else if (c === 41 || c === 93 || c === 125) {
      if (depth === 0) break;
      depth--;
    } else if (depth === 0) {
      if (c === 44 || c === 59) break;
      if (c === 61) return start;
    }
  }
  return depth === 0 ? i : start;
}
