import { isDigit, isHexLetter, isLetter, WILDCARD } from "./characters.ts";

const NUMBER_WITH_UNIT = /^[-+]?(?:[\d.]+(?:ms|s|us|ns|m|h|d|[kmgt]i?b?|b|%|sec|secs|min|mb\/s|kb\/s))+\.?$/i;
const HEX_AND_DASHES = /^[0-9a-f-]+$/i;
const NUMBER_PART = /[-+]?\d+(?:\.\d+)*/g;
const JOINED_PARTS = /<\*>(?:[._\-/+]*<\*>)+/g;
const DIGIT_AFTER_UNDERSCORE = /_-?\d/;
const NO_HEX_LETTER = /[g-z]/i;
/** Shorter runs of hex letters and digits are more often words with a number. */
const LEAST_HEX = 6;

/**
 * A word (no white space, no delimiter) with its variable part replaced: the whole word where it is an id, a number
 * with its unit, hex or a path; only its runs of digits where it is a name with a number (`node-17`). O(length).
 */
export function maskWord(word: string): string {
  let digits = 0;
  let letters = 0;
  let hexOnly = true;
  let slashes = 0;
  let others = 0;
  let groups = 0;
  let underscores = 0;
  let dots = 0;
  let afterDigit = false;
  for (let i = 0; i < word.length; i++) {
    const c = word.charCodeAt(i);
    const digit = isDigit(c);
    if (digit) {
      digits++;
      if (!afterDigit) groups++;
    } else if (isLetter(c)) {
      letters++;
      if (!isHexLetter(c)) hexOnly = false;
    } else {
      others++;
      if (c === 47 || c === 92) slashes++;
      else if (c === 95) underscores++;
      else if (c === 46) dots++;
    }
    afterDigit = digit;
  }
  if (slashes >= 2 && letters + digits > 0) return WILDCARD;
  if (digits === 0) return word;
  if (letters === 0) return maskNumber(word);
  const masked = word.endsWith(".") ? `${WILDCARD}.` : WILDCARD;
  const first = word.charCodeAt(0);
  if (first === 48 && (word.charCodeAt(1) | 32) === 120) return masked; // 0x
  if (hexOnly && others === 0 && letters + digits >= LEAST_HEX) return WILDCARD;
  if (hexOnly && letters + digits >= 12 && HEX_AND_DASHES.test(word)) return WILDCARD;
  if (NUMBER_WITH_UNIT.test(word)) return masked;
  if (groups > 1 && (underscores > 0 || dots > 1 || digits >= 4)) return masked;
  if (underscores > 0 && DIGIT_AFTER_UNDERSCORE.test(word)) return masked;
  if (first === 47 && !NO_HEX_LETTER.test(word)) return masked;
  return word
    .replace(NUMBER_PART, (part) => (part[0] === "-" ? `-${WILDCARD}` : WILDCARD))
    .replace(JOINED_PARTS, WILDCARD);
}

/** Dots and stars before the number and the dots and slashes that end it stay. */
function maskNumber(word: string): string {
  let from = 0;
  let to = word.length;
  while (from < to && (word[from] === "." || word[from] === "*")) from++;
  while (to > from && (word[to - 1] === "." || word[to - 1] === "/")) to--;
  return from >= to ? word : word.slice(0, from) + WILDCARD + word.slice(to);
}
