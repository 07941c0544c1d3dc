import { hasDigit, WILDCARD } from "./characters.ts";

/** What a word looks like, from which it is judged whether it may vary. */
export const PLAIN = 0;
/** Holds a wildcard or a digit. */
export const MIXED = 1;
/** Nothing but a wildcard. */
export const MASK = 2;
/** A unit behind a number. */
export const UNIT = 3;
/** No digit, but one of `._/\$%*~^+-`: a name of something. */
export const NAME = 4;
/** A weekday or month beside a number. */
export const CALENDAR = 5;

/** A message of one word, quoted behind its key: it says which statement it is. */
export const MESSAGE = 6;

export type WordClass = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** A run of masked pieces. */
export const RUN = "<+>";

const UNIT_WORD = /^(?:[kmgt]i?b|b|bytes?|ms|us|ns|s|secs?|seconds?|mins?|minutes?|h|hours?|d|days?)$/i;
/** A unit of time or size. */
export const isUnitWord = (word: string): boolean => UNIT_WORD.test(word);

const CALENDAR_WORD = /^(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}$/i;
const NAME_CHARACTER = /[._/\\$%*~^+-]/;

export function wordClass(word: string): WordClass {
  if (word === WILDCARD || word === RUN) return MASK;
  if (word === "") return PLAIN;
  if (word.includes(WILDCARD)) return MIXED;
  const end = trimmedEnd(word);
  const bare = end === word.length ? word : word.slice(0, end);
  if (hasDigit(bare)) return MIXED;
  return NAME_CHARACTER.test(bare) ? NAME : PLAIN;
}

function trimmedEnd(word: string): number {
  let end = word.length;
  while (end > 0 && (word[end - 1] === "." || word[end - 1] === "-")) end--;
  return end;
}

const MESSAGE_BEFORE = /^[^A-Za-z]*(?:msg|message|event|evt|action)(?:":"|="|=)$/i;

/** The class of `words[i]` in its place: units, calendar words and messages are known by their neighbours. */
export function classAt(words: readonly string[], i: number, tokens: readonly string[]): WordClass {
  const word = words[i] as string;
  const own = wordClass(word);
  if ((own === PLAIN || own === NAME) && word !== "" && i > 0 && MESSAGE_BEFORE.test(tokens[i - 1] as string)) {
    const quoted = (tokens[i - 1] as string).endsWith('"');
    if (!quoted || (tokens[i] as string).startsWith(`${word}"`)) return MESSAGE;
  }
  if (own !== PLAIN || word === "") return own;
  if (i > 0 && words[i - 1] === WILDCARD && UNIT_WORD.test(word)) return UNIT;
  if (!CALENDAR_WORD.test(word)) return PLAIN;
  const masked = (j: number) => j < words.length && wordClass(words[j] as string) === MASK;
  if (masked(i + 1) || (i > 0 && words[i - 1] === WILDCARD)) return CALENDAR;
  return i + 2 < words.length && CALENDAR_WORD.test(words[i + 1] as string) && masked(i + 2) ? CALENDAR : PLAIN;
}

/** Plain or a name: what can be a constant of a template. */
export const isIdLike = (c: number): boolean => c === MIXED || c === MASK;
