import { DIGIT, FLAGS, HEX, LETTER, MASKED } from "./codes.ts";

/** Shorter runs of hex letters and digits are more often words with a number. */
const LEAST_HEX = 6;
const UNITS = new Set(
  "ms s us ns m h d k g t ki mi gi ti kb mb gb tb kib mib gib tib b % sec secs min mb/s kb/s".split(" ").map(packed),
);
const LONGEST_UNIT = 4;

/** A short lower-case word as one number. */
function packed(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i++) value = (value << 8) | text.charCodeAt(i);
  return value;
}

/**
 * Writes the word `source[from, to)` (no white space, no delimiter) to `out` at `o` with its variable part masked: the
 * whole word where it is an id, a number with its unit, hex or a path; only its runs of digits where it is a name with a
 * number (`node-17`). Gives the end in `out`. O(length).
 */
export function maskWord(source: Uint16Array, from: number, to: number, out: Uint16Array, o: number): number {
  let digits = 0;
  let letters = 0;
  let hexOnly = true;
  let slashes = 0;
  let dashes = 0;
  let groups = 0;
  let underscores = 0;
  let dots = 0;
  let afterDigit = false;
  let digitAfterUnderscore = false;
  for (let i = from; i < to; i++) {
    const c = source[i]!;
    const f = FLAGS[c]!;
    if ((f & DIGIT) !== 0) {
      digits++;
      if (!afterDigit) {
        groups++;
        if (i > from) {
          const before = source[i - 1]!;
          if (before === 95 || (before === 45 && i - 1 > from && source[i - 2] === 95)) digitAfterUnderscore = true;
        }
      }
      afterDigit = true;
      continue;
    }
    afterDigit = false;
    if ((f & LETTER) !== 0) {
      letters++;
      if ((f & HEX) === 0) hexOnly = false;
    } else if (c === 46) dots++;
    else if (c === 45) dashes++;
    else if (c === 47 || c === 92) slashes++;
    else if (c === 95) underscores++;
  }
  const n = to - from;
  if (slashes >= 2 && letters + digits > 0) {
    out[o++] = MASKED;
    return o;
  }
  if (digits === 0) return copied(source, from, to, out, o);
  if (letters === 0) return maskNumber(source, from, to, out, o);
  const first = source[from]!;
  const others = n - digits - letters;
  if (hexOnly && others === 0 && n >= LEAST_HEX) {
    out[o++] = MASKED;
    return o;
  }
  const whole =
    (first === 48 && (source[from + 1]! | 32) === 120) || // 0x
    (hexOnly && others === dashes && letters + digits >= 12) ||
    isNumberWithUnit(source, from, to) ||
    (groups > 1 && (underscores > 0 || dots > 1 || digits >= 4)) ||
    digitAfterUnderscore ||
    (first === 47 && hexOnly);
  if (!whole) return maskDigits(source, from, to, out, o);
  out[o++] = MASKED;
  if (source[to - 1] === 46) out[o++] = 46;
  return o;
}

function copied(source: Uint16Array, from: number, to: number, out: Uint16Array, o: number): number {
  for (let i = from; i < to; i++) out[o++] = source[i]!;
  return o;
}

/** Dots and stars before the number and the dots and slashes that end it stay. */
function maskNumber(source: Uint16Array, from: number, to: number, out: Uint16Array, o: number): number {
  let a = from;
  let b = to;
  while (a < b && (source[a] === 46 || source[a] === 42)) a++;
  while (b > a && (source[b - 1] === 46 || source[b - 1] === 47)) b--;
  const before = copied(source, from, a, out, o);
  out[before] = MASKED;
  return copied(source, b, to, out, before + 1);
}

/** `[-+]?([0-9.]+ unit)+ .?`: a unit is all that stands between two numbers. */
function isNumberWithUnit(source: Uint16Array, from: number, to: number): boolean {
  let i = from;
  if (source[i] === 45 || source[i] === 43) i++;
  for (let any = false; ; any = true) {
    const number = i;
    while (i < to && ((FLAGS[source[i]!]! & DIGIT) !== 0 || source[i] === 46)) i++;
    if (i === to) return any && (i === number || (i === number + 1 && source[number] === 46));
    if (i === number) return false;
    let unit = 0;
    let length = 0;
    for (; i < to && (FLAGS[source[i]!]! & DIGIT) === 0 && source[i] !== 46; i++) {
      const c = source[i]!;
      if (++length > LONGEST_UNIT || c > 127) return false;
      unit = (unit << 8) | ((FLAGS[c]! & LETTER) !== 0 ? c | 32 : c);
    }
    if (!UNITS.has(unit)) return false;
  }
}

/** Masks numbers (with sign and fractions) in a name; masks with nothing but `. _ - / +` between them are one. */
function maskDigits(source: Uint16Array, from: number, to: number, out: Uint16Array, o: number): number {
  /** Behind the mask before, while only joiners have come since. */
  let joinAt = -1;
  for (let i = from; i < to; ) {
    const c = source[i]!;
    const signed = c === 45 || c === 43;
    if ((FLAGS[c]! & DIGIT) !== 0 || (signed && i + 1 < to && (FLAGS[source[i + 1]!]! & DIGIT) !== 0)) {
      if (signed) i++;
      while (i < to && (FLAGS[source[i]!]! & DIGIT) !== 0) i++;
      while (i + 1 < to && source[i] === 46 && (FLAGS[source[i + 1]!]! & DIGIT) !== 0) {
        i++;
        while (i < to && (FLAGS[source[i]!]! & DIGIT) !== 0) i++;
      }
      if (joinAt >= 0) {
        o = joinAt;
        continue;
      }
      if (c === 45) out[o++] = 45;
      out[o++] = MASKED;
      joinAt = o;
      continue;
    }
    if (!(c === 46 || c === 95 || c === 45 || c === 47 || c === 43)) joinAt = -1;
    out[o++] = c;
    i++;
  }
  return o;
}
