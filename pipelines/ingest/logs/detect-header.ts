/** Log line headers by their looks: a time, then levels, process ids, threads and loggers. */
import type { MessageOf } from "./header-format.ts";

type Kind = "time" | "level" | "number" | "bracket" | "separator" | "logger" | "word";

const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const CLOCK = "\\d{1,2}:\\d{2}:\\d{2}(?:[.,:]\\d{1,9})?(?:Z| ?[+-]\\d{2}:?\\d{2}| UTC| GMT)?";
const TIME = new RegExp(
  [
    `\\[?\\d{4}[-/.]\\d{1,2}[-/.]\\d{1,2}(?:[T _]|-(?=\\d{1,2}[.:]))${CLOCK.replaceAll(":\\d{2}", "[:.]\\d{2}")}\\]?`,
    `\\[?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?${MONTH} {1,2}\\d{1,2} ${CLOCK}(?: \\d{4})?\\]?`,
    `\\[?\\d{1,2}[-/ ](?:${MONTH}|\\d{2})[-/ ](?:\\d{4}|\\d{2})[: ]${CLOCK}\\]?`,
    `\\[?\\d{2}[-/]\\d{2} ${CLOCK}\\]?`,
    `\\d{6,8}[ -]\\d{6}`,
    `\\[?${CLOCK}\\]?`,
    `\\d{10}(?:\\.\\d{1,9})?`,
    `\\d{13}`,
    `\\d{4}[-/.]\\d{2}[-/.]\\d{2}`,
  ].join("|"),
  "y",
);
const LEVEL =
  /[[<(]?(?:trace|debug|info|information|notice|warn|warning|error|err|severe|crit|critical|fatal|failure|alert|emerg|panic|fine|finer|finest|config|dpanic|V|D|I|W|E|F)[\])>]?[:,]?(?= |$)/iy;
const BRACKET = /\[[^[\]]{0,120}\]:?(?= |$)/y;
const SEPARATOR = /(?:-{1,3}|\||::?)(?= |$)/y;
const NUMBER = /\d{1,10}(?= |$)/y;
/** `name:`, `name[pid]:`, `name(part)[pid]:`, and macOS' `name[pid] (part):`. */
const LOGGER = /[A-Za-z_][\w$./@*-]{0,119}(?:\([\w.: -]{0,60}\))?(?:\[\d{1,10}\](?: \([^()]{1,120}\))?)?:(?= |$)/y;
const WORD = /[^\s]{1,120}(?= |$)/y;
const PRIORITY = /<\d{1,3}>(?:1 )?/y;

const KINDS: readonly [Kind, RegExp][] = [
  ["time", TIME],
  ["level", LEVEL],
  ["bracket", BRACKET],
  ["separator", SEPARATOR],
  ["logger", LOGGER],
  ["number", NUMBER],
  ["word", WORD],
];
const MOST_ITEMS = 12;
const MOST_WORDS = 5;
/** A file name, a host or a flag may stand before the time. */
const BEFORE_TIME = 2;
/** Share of lines that must have the header. */
const AGREEMENT = 0.95;
const LEAST_LINES = 5;

interface HeaderItem {
  readonly kind: Kind;
  readonly end: number;
}

/**
 * The header that nearly all of the sample's lines have, undefined where there is none: it must begin with a time (after
 * a syslog priority, or two words) and have a level, a logger or a bracket behind it, so that messages that begin with a time stay
 * whole. `shape` is for people: "time level logger".
 */
export function detectHeader(sample: readonly string[]): { shape: string; messageOf: MessageOf } | undefined {
  const lines = sample.filter((line) => line.trim() !== "");
  if (lines.length < LEAST_LINES) return undefined;
  let agreeing = lines.map(itemsOf);
  const shape: Kind[] = [];
  for (;;) {
    const kind = KINDS.map(([k]) => k).find(
      (k) => agreeing.filter((items) => fits(items[shape.length], k)).length >= AGREEMENT * lines.length,
    );
    if (!kind) break;
    agreeing = agreeing.filter((items) => fits(items[shape.length], kind));
    shape.push(kind);
  }
  // Words and numbers are of the header only when something that never begins a message follows.
  while (shape.at(-1) === "word" || (shape.at(-1) === "number" && shape.at(-2) === "word")) shape.pop();
  const marks = shape.some((k) => k === "level" || k === "logger" || k === "bracket");
  const timeAt = shape.indexOf("time");
  if (timeAt < 0 || timeAt > BEFORE_TIME || !marks) return undefined;
  return {
    shape: shape.join(" "),
    messageOf(line) {
      const items = itemsOf(line);
      let k = 0;
      while (k < shape.length && fits(items[k], shape[k] as Kind)) k++;
      // A line without some of it has no more of the header than this; one without a time has none.
      return k <= timeAt ? line : line.slice((items[k - 1] as HeaderItem).end).trimStart();
    },
  };
}

/** A dash can stand for a word that is missing. */
const fits = (item: HeaderItem | undefined, kind: Kind): boolean =>
  item?.kind === kind || (kind === "word" && item?.kind === "separator");

/** What a line begins with, up to where its message must have begun. */
function itemsOf(line: string): HeaderItem[] {
  const items: HeaderItem[] = [];
  let words = 0;
  PRIORITY.lastIndex = 0;
  let at = PRIORITY.test(line) ? PRIORITY.lastIndex : 0;
  while (items.length < MOST_ITEMS) {
    while (line.charCodeAt(at) <= 32) at++;
    const found = KINDS.find(([, pattern]) => {
      pattern.lastIndex = at;
      return pattern.test(line);
    });
    if (!found) break;
    if (found[0] === "word" && ++words > MOST_WORDS) break;
    at = found[1].lastIndex;
    items.push({ kind: found[0], end: at });
    if (found[0] === "logger") break;
  }
  return items;
}
