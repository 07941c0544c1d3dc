import { DIGIT, FLAGS, HEX, LETTER } from "./codes.ts";

const LEAST_LENGTH = 5;
const MOST_COLONS = 7;
const HEX_DIGIT = DIGIT | HEX;
const isWord = (c: number): boolean => (FLAGS[c]! & (DIGIT | LETTER)) !== 0 || c === 95;

/**
 * Index behind a time, MAC or IPv6 address that begins at `at` (two to seven colons, groups of at most four hex digits,
 * none but the last may be empty); 0 where there is none.
 */
function groupsEnd(source: Uint16Array, at: number): number {
  let end = 0;
  let i = at;
  for (let colons = 0; ; ) {
    const group = i;
    while (i - group < 5 && (FLAGS[source[i]!]! & HEX_DIGIT) !== 0) i++;
    const length = i - group;
    if (length > 4) return end;
    if (colons >= 2 && length > 0 && !isWord(source[i]!)) end = i;
    if (source[i] !== 58 || colons === MOST_COLONS) return end;
    colons++;
    i++;
  }
}

/**
 * Puts one digit in place of each time, MAC and IPv6 address of the piece `source[from, to)`, which then ends at `to`
 * again. Gives its new beginning, `from` itself where there was none. O(length).
 */
export function maskColonGroups(source: Uint16Array, from: number, to: number): number {
  let w = from;
  for (let i = from; i < to; ) {
    const end = i === from || !isWord(source[i - 1]!) ? groupsEnd(source, i) : 0;
    if (end === 0) {
      source[w++] = source[i++]!;
      continue;
    }
    let digit = false;
    for (let j = i; j < end; j++) if ((FLAGS[source[j]!]! & DIGIT) !== 0) digit = true;
    if (digit && end - i >= LEAST_LENGTH) {
      source[w++] = 55;
      // What stands before the next character is looked at: it must be what it was.
      i = end;
    } else while (i < end) source[w++] = source[i++]!;
  }
  if (w === to) return from;
  source.copyWithin(to - (w - from), from, w);
  return to - (w - from);
}
