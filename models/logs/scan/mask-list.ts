import { DIGIT, FLAGS, MASKED, MASKED_RUN } from "./codes.ts";

const flagsOf = (characters: string): Uint8Array => {
  const flags = new Uint8Array(128);
  for (const c of characters) flags[c.charCodeAt(0)] = 1;
  return flags;
};
const OPENERS = flagsOf("[({\"'");
const CLOSERS = flagsOf("])}\"',;.:");
/** Characters of a name of something: see `wordClass`. */
const NAME = flagsOf("._/\\$%*~^+-");
const has = (flags: Uint8Array, c: number): boolean => c < 128 && flags[c] === 1;

/**
 * A list in one masked piece `out[begin, end)` of which every item varies by its looks becomes one mask, in place. Gives
 * the new end. O(length).
 */
export function maskList(out: Uint16Array, begin: number, end: number): number {
  for (let i = begin; i < end; i++) if (out[i] === 61) return end;
  let from = begin;
  let to = end;
  while (from < to && has(OPENERS, out[from]!)) from++;
  while (to > from && has(CLOSERS, out[to - 1]!)) to--;
  let items = 0;
  for (let i = from; i <= to; items++) {
    let next = i;
    while (next < to && out[next] !== 44) next++;
    if (isPlain(out, i, next)) return end;
    i = next + 1;
  }
  if (items < 2) return end;
  out[from] = MASKED;
  out.copyWithin(from + 1, to, end);
  return end - (to - from) + 1;
}

function isPlain(out: Uint16Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (out[i] === MASKED || out[i] === MASKED_RUN) return false;
  let end = to;
  while (end > from && (out[end - 1] === 46 || out[end - 1] === 45)) end--;
  for (let i = from; i < end; i++) {
    const c = out[i]!;
    if ((FLAGS[c]! & DIGIT) !== 0 || has(NAME, c)) return false;
  }
  return true;
}
