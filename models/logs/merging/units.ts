import { WILDCARD } from "../characters.ts";
import { isUnitWord } from "../word-class.ts";

/** A part of a template as it is compared with others. */
export interface Unit {
  /** The pieces it is written with, joined by a space; empty for what is inside a longer piece. */
  readonly text: string;
  /** Equal for wordings of one thing. */
  readonly key: string;
  /** May be missing. */
  readonly optional: boolean;
  /** Of a parenthesis: its content with wordings of values made one. */
  readonly content?: string;
  /** Of a parenthesis: the comma behind it, which the unit before has too, as it would without the parenthesis. */
  readonly mark?: string;
}

/** Words that stand where a value would be. */
const ABSENT = new Set(
  "never none unknown unlimited infinite infinity forever immediately unset unavailable n/a na nil null - --".split(
    " ",
  ),
);
const PAIR = /^[A-Za-z_][\w.-]*=(?:"<\*>"|<\*>)[,;]?$/;
const EMPTY_PAIR = /(?:^|[ ,;(])[A-Za-z_][\w.-]*=(?:[,;]|"")?(?= |$)/;
const VALUE = /^([("'[]*)(?:[<>~]=?)?<\*>(?::<\*>)*([)"'\]]*[,;.]?)$/;
const WORD_WITH_END = /^([("'[]*)([A-Za-z/-]+)([)"'\]]*[,;.]?)$/;

/**
 * The units of a template: a parenthesis with a value in it and a pair `key=<*>` may be missing; a number with its unit,
 * a clock or a word such as "never" are wordings of one value.
 */
export function unitsOf(pieces: readonly string[]): Unit[] {
  const units: Unit[] = [];
  let depth = 0;
  for (let i = 0; i < pieces.length; ) {
    const piece = pieces[i] as string;
    const end = depth === 0 ? parenthesisEnd(pieces, i) : i;
    if (end > i && i > 0) {
      const text = pieces.slice(i, end).join(" ");
      if (text.includes(WILDCARD)) {
        const mark = takeMark(units, text);
        units.push({ text, key: "()", optional: true, content: contentOf(pieces.slice(i, end)), mark });
        i = end;
        continue;
      }
    }
    depth += nesting(piece);
    if (depth === 0 && PAIR.test(piece)) {
      units.push({ text: piece, key: piece.replace(/[,;]$/, ""), optional: true });
      i++;
      continue;
    }
    const run = valueRun(pieces, i);
    units.push({ text: pieces.slice(i, run.end).join(" "), key: run.key, optional: false });
    i = run.end;
  }
  return units;
}

/** Brackets and braces that a piece opens, less those that it closes. */
function nesting(piece: string): number {
  let depth = 0;
  for (const c of piece)
    if ("([{".includes(c)) depth++;
    else if (")]}".includes(c)) depth--;
  return depth;
}

/** Index behind a parenthesis that begins with piece `at`, `at` where there is none. */
export function parenthesisEnd(pieces: readonly string[], at: number): number {
  if (!pieces[at]?.startsWith("(")) return at;
  let depth = 0;
  for (let i = at; i < pieces.length; i++) {
    const piece = pieces[i] as string;
    depth += nesting(piece);
    if (depth <= 0) return /\)[,;:.]?$/.test(piece) ? i + 1 : at;
  }
  return at;
}

/** Gives the last fixed unit the mark that ends a parenthesis. */
function takeMark(units: Unit[], parenthesis: string): string {
  const mark = parenthesis.slice(parenthesis.lastIndexOf(")") + 1);
  const last = units.at(-1);
  if (mark === "" || !last || last.optional || last.text.endsWith(mark)) return "";
  units[units.length - 1] = { ...last, text: last.text + mark, key: last.key + mark };
  return mark;
}

/** Whether a pair is written without its value (`user=`). */
export const hasEmptyPair = (pieces: readonly string[]): boolean => EMPTY_PAIR.test(pieces.join(" "));

function contentOf(pieces: readonly string[]): string {
  const inner = [...pieces];
  inner[0] = (inner[0] as string).slice(1);
  const last = inner.pop() as string;
  const end = last.lastIndexOf(")");
  inner.push(last.slice(0, end));
  const keys: string[] = [];
  for (let i = 0; i < inner.length; ) {
    const run = valueRun(inner, i);
    keys.push(run.key);
    i = run.end;
  }
  return `(${keys.join(" ")}${last.slice(end)}`;
}

export const isAbsent = (piece: string): boolean => {
  const word = WORD_WITH_END.exec(piece)?.[2];
  return word !== undefined && ABSENT.has(word.toLowerCase());
};

/** A value with the units behind it (`<*> h <*> min`), a word for no value, or else the one piece. */
function valueRun(pieces: readonly string[], at: number): { key: string; end: number } {
  const piece = pieces[at] as string;
  if (isAbsent(piece)) {
    const [, before, , after] = WORD_WITH_END.exec(piece) as unknown as [string, string, string, string];
    return { key: before + WILDCARD + after, end: at + 1 };
  }
  let value = VALUE.exec(piece);
  if (!value) return { key: piece, end: at + 1 };
  const before = value[1] as string;
  let after = value[2] as string;
  let end = at + 1;
  while (after === "" && end < pieces.length) {
    const unit = WORD_WITH_END.exec(pieces[end] as string);
    if (unit?.[1] !== "" || !isUnitWord(unit[2] as string)) break;
    after = unit[3] as string;
    end++;
    value = after === "" && end < pieces.length ? VALUE.exec(pieces[end] as string) : null;
    const next = WORD_WITH_END.exec(pieces[end + 1] ?? "");
    if (value?.[1] !== "" || value[2] !== "" || !isUnitWord(next?.[2] ?? "")) break;
    end++;
  }
  return { key: before + WILDCARD + after, end };
}
