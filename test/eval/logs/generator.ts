/**
 * Log lines with known templates, in styles that the development systems lack. A statement is written as
 * `sent {int} bytes[[ ({float} KB)]] in {duration}`: `{name}` is a value, `[[ ... ]]` may be missing, `{=a|b}` is one of
 * several wordings of a value. Truth is the statement; its text has `<*>` for values and optional parts.
 */
import { randomOf } from "../../../models/neural/random.ts";

export interface System {
  readonly name: string;
  /** The most frequent first: line counts fall as 1/rank. */
  readonly statements: readonly string[];
}

export interface GeneratedLine {
  readonly content: string;
  /** Number of the statement. */
  readonly statement: number;
  readonly template: string;
  /**
   * The template as people write it who label logs (see `conventions.ts`): wordings of plain words are written out where
   * a statement has at most eight, unless they are values of pairs.
   */
  readonly labelled: string;
}

type Random = () => number;
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const int = (random: Random, from: number, to: number) => from + Math.floor(random() * (to - from + 1));
const hex = (random: Random, n: number) => Array.from({ length: n }, () => int(random, 0, 15).toString(16)).join("");
const digits = (n: number, width: number) => String(n).padStart(width, "0");

const FIRST =
  "ada bob carol dave eve frank grace heidi ivan judy ken lena mallory nina olaf peggy quinn rita sybil trent";
const LAST = "smith jones khan lee garcia novak silva meyer rossi tanaka olsen dubois kowalski okafor";
const SERVICES = "billing cart catalog search ledger notifier gateway shipping auth inventory pricing profile";
const WORDS =
  "alpha beta gamma delta omega north south river stone cloud amber coral ember frost grove haven iris jade lotus maple";

/** Values by name. */
export const VALUES: Readonly<Record<string, (random: Random) => string>> = {
  int: (r) => String(int(r, 0, pick(r, [9, 99, 9999, 999_999]))),
  float: (r) => (r() * 1000).toFixed(int(r, 1, 3)),
  percent: (r) => `${int(r, 0, 100)}%`,
  duration: (r) => pick(r, [`${int(r, 1, 999)}ms`, `${(r() * 60).toFixed(2)}s`, `${int(r, 1, 59)}m${int(r, 0, 59)}s`]),
  wordyDuration: (r) =>
    pick(r, [
      `${int(r, 1, 59)} seconds`,
      `${int(r, 2, 59)} minutes`,
      "1 hour",
      `${int(r, 1, 9)} h ${int(r, 1, 59)} min`,
    ]),
  clock: (r) => `${digits(int(r, 0, 23), 2)}:${digits(int(r, 0, 59), 2)}:${digits(int(r, 0, 59), 2)}`,
  lifetime: (r) =>
    pick(r, ["<1 sec", `00:${digits(int(r, 1, 59), 2)}`, `${digits(int(r, 0, 9), 2)}:${digits(int(r, 0, 59), 2)}:10`]),
  ip: (r) => `${int(r, 1, 223)}.${int(r, 0, 255)}.${int(r, 0, 255)}.${int(r, 1, 254)}`,
  port: (r) => String(int(r, 1024, 65535)),
  host: (r) =>
    `${pick(r, WORDS.split(" "))}${r() < 0.5 ? int(r, 1, 99) : ""}.${pick(r, ["example.com", "corp.local", "cdn.example.net"])}`,
  node: (r) => `${pick(r, ["node", "worker", "db"])}-${int(r, 1, 40)}`,
  user: (r) => `${pick(r, FIRST.split(" "))}${r() < 0.7 ? `.${pick(r, LAST.split(" "))}` : int(r, 1, 99)}`,
  plainUser: (r) => pick(r, FIRST.split(" ")) + (r() < 0.5 ? pick(r, LAST.split(" ")) : ""),
  email: (r) => `${pick(r, FIRST.split(" "))}@${pick(r, LAST.split(" "))}.example`,
  service: (r) => pick(r, SERVICES.split(" ")),
  uuid: (r) => [8, 4, 4, 4, 12].map((n) => hex(r, n)).join("-"),
  hex8: (r) => hex(r, 8),
  hex32: (r) => hex(r, 32),
  pointer: (r) => `0x${hex(r, 12)}`,
  path: (r) =>
    `/${Array.from({ length: int(r, 2, 5) }, () => pick(r, WORDS.split(" "))).join("/")}${r() < 0.4 ? `/${int(r, 1, 9999)}` : ""}`,
  file: (r) => `/var/lib/${pick(r, WORDS.split(" "))}/${hex(r, 6)}.${pick(r, ["dat", "log", "tmp"])}`,
  url: (r) => `https://${pick(r, WORDS.split(" "))}.example.com/${pick(r, WORDS.split(" "))}?id=${int(r, 1, 9999)}`,
  date: (r) => `2025-${digits(int(r, 1, 12), 2)}-${digits(int(r, 1, 28), 2)}`,
  status: (r) => pick(r, ["200", "201", "204", "301", "404", "500", "503"]),
  list: (r) => Array.from({ length: int(r, 1, 6) }, () => `${pick(r, WORDS.split(" "))}-${int(r, 0, 9)}`).join(", "),
  numbers: (r) => Array.from({ length: int(r, 1, 6) }, () => String(int(r, 0, 99))).join(" "),
  text: (r) => Array.from({ length: int(r, 1, 7) }, () => pick(r, WORDS.split(" "))).join(" "),
  version: (r) => `${int(r, 1, 9)}.${int(r, 0, 20)}.${int(r, 0, 99)}`,
  size: (r) => `${int(r, 1, 999)}${pick(r, ["KB", "MB", "GiB", "B"])}`,
  bool: (r) => pick(r, ["true", "false"]),
};

const PART = /\{=([^}]*)\}|\{(\w+)\}/g;
const OPTIONAL = /\[\[(.*?)\]\]/g;
/** Around an optional part. */
const [OPEN, CLOSE] = ["«", "»"];
const MARKS = /[«»]/g;
const MARKED = /«[^»]*»/g;

const MOST_WRITTEN_OUT = 8;
const NESTED = /<<\w+>>/g;
/** A word by itself, and none that only leads to a value. */
const WORD = /(?:^| )(?!(?:in|at|on|after|to|by) )[A-Za-z]+(?:-[A-Za-z]+)*(?=[ :,]|$)/;
const BEHIND_KEY = /(?:=|"[:=])"?$/;

/** Whether the wordings between `before` and `after` are words that people write out: see `GeneratedLine.labelled`. */
const areWords = (choices: readonly string[], before: string, after: string): boolean =>
  choices.every((c) => WORD.test(c.replace(NESTED, "7"))) &&
  !BEHIND_KEY.test(before) &&
  !/[\w./-]$/.test(before) &&
  !/^[\w/-]/.test(after);

interface Part {
  readonly text: string;
  readonly index: number;
  /** Of an enumeration. */
  readonly choices?: readonly string[];
  readonly areWords: boolean;
  readonly name: string;
}

function* partsOf(statement: string): Generator<Part> {
  for (const { 0: text, 1: list, 2: name = "", index } of statement.matchAll(PART)) {
    const choices = list?.split("|");
    const [before, after] = [statement.slice(0, index), statement.slice(index + text.length)].map((x) =>
      x.replace(MARKS, ""),
    ) as [string, string];
    yield { text, index, choices, name, areWords: choices !== undefined && areWords(choices, before, after) };
  }
}

function isWrittenOut(statement: string): boolean {
  let wordings = 1;
  for (const { choices, index } of partsOf(statement))
    if (choices && !BEHIND_KEY.test(statement.slice(0, index))) wordings *= choices.length;
  return wordings <= MOST_WRITTEN_OUT;
}

function written(statement: string, random: Random, writeOut: boolean): { content: string; labelled: string } {
  const present = statement.replace(OPTIONAL, (_, part: string) => {
    const shown = random() < 0.5 ? part : "";
    const parts = [...partsOf(part)];
    return writeOut && parts.length > 0 && parts.every((p) => p.areWords) ? shown : OPEN + shown + CLOSE;
  });
  let content = "";
  let labelled = "";
  let from = 0;
  for (const { text, index, choices, areWords, name } of partsOf(present)) {
    const before = present.slice(from, index);
    from = index + text.length;
    const choice = choices && pick(random, choices);
    const value = VALUES[name];
    if (choice === undefined && !value) throw new RangeError(`no value is called ${name}`);
    content += before + (choice === undefined ? value?.(random) : nested(choice, random));
    labelled += before + (choice !== undefined && writeOut && areWords ? shownAs(choice) : "<*>");
  }
  const rest = present.slice(from);
  return {
    content: (content + rest).replace(MARKS, ""),
    labelled: oneSpaced((labelled + rest).replace(MARKED, "<*>")),
  };
}

const shownAs = (choice: string): string => choice.replace(NESTED, "<*>").replace(/\b\d+\b/g, "<*>");

const nested = (choice: string, random: Random): string =>
  written(choice.replaceAll("<<", "{").replaceAll(">>", "}"), random, false).content;

/** A number with the unit at it, and a date with its time, are one value: no labelled system has `<*>ms`. */
const WHOLE = /<\*>(?:[kKMG]i?B(?:\/s)?|B|ms|s|%)(?![A-Za-z])|<\*>T<\*>Z/g;
const oneSpaced = (text: string): string => text.replace(WHOLE, "<*>").replace(/\s+/g, " ").trim();

export const templateOf = (statement: string): string =>
  oneSpaced(statement.replace(OPTIONAL, "<*>").replace(PART, "<*>"));

/** `lines` lines of a system, the same for the same seed. */
export function generate({ statements }: System, lines: number, seed: number): GeneratedLine[] {
  const random = randomOf(seed);
  const weights = statements.map((_, i) => 1 / (i + 1));
  const total = weights.reduce((a, b) => a + b);
  const templates = statements.map(templateOf);
  const writtenOut = statements.map(isWrittenOut);
  return Array.from({ length: lines }, () => {
    let left = random() * total;
    let statement = 0;
    while (statement < statements.length - 1 && left >= weights[statement]!) left -= weights[statement++]!;
    const made = written(statements[statement] as string, random, writtenOut[statement] as boolean);
    return { ...made, statement, template: templates[statement] as string };
  });
}
