/** Log line headers by a format such as `<Date> <Time> <Level> <Content>`. */
import { PipelineError } from "../../core/errors.ts";

/** Gives the message of a line: what follows (or is between) its header's fields. A line that doesn't fit is all message. */
export type MessageOf = (line: string) => string;

type Part = { field: string } | { literal: string } | { optional: Part[] };

const FIELD = /^<([A-Za-z_]\w*)>/;
/** The header is looked for in this much of a line: bounds what a hostile line can cost. */
const MOST_HEADER_CHARS = 1024;

/**
 * A format is fields in angle brackets with the text between them: a space stands for white space of any length, a
 * backslash takes the next character as it is, `( … )?` may be missing. Each field but the last reaches to the first
 * place where what follows fits. `<Content>` is the message and must be there once. Throws CONFIG_INVALID.
 */
export function headerFormat(format: string): MessageOf {
  const parts = parse(format);
  const contents = parts.filter((p) => "field" in p && p.field === "Content").length;
  if (contents !== 1) throw invalid(format, `<Content> is there ${contents} times; give it once`);
  return (line) => {
    const span = match(parts, line);
    return span ? line.slice(span.from, span.to) : line;
  };
}

const invalid = (format: string, detail: string) =>
  new PipelineError("CONFIG_INVALID", `--format '${format}'`, { detail, hint: "such as '<Date> <Time> <Content>'" });

function parse(format: string): Part[] {
  const stack: Part[][] = [[]];
  for (let i = 0; i < format.length; ) {
    const parts = stack.at(-1) as Part[];
    const field = FIELD.exec(format.slice(i))?.[1];
    const last = parts.at(-1);
    if (field !== undefined) {
      if (last && "field" in last) throw invalid(format, `nothing stands between <${last.field}> and <${field}>`);
      parts.push({ field });
      i += field.length + 2;
    } else if (format[i] === "(" && format.includes(")?", i)) {
      stack.push([]);
      i++;
    } else if (format.startsWith(")?", i) && stack.length > 1) {
      stack.pop();
      (stack.at(-1) as Part[]).push({ optional: parts });
      i += 2;
    } else {
      if (format[i] === "\\" && i + 1 < format.length) i++;
      const c = format[i] as string;
      if (last && "literal" in last) last.literal += c;
      else parts.push({ literal: c });
      i++;
    }
  }
  if (stack.length > 1) throw invalid(format, "a bracket is not closed");
  const [parts] = stack as [Part[]];
  if (parts.length === 0) throw invalid(format, "it is empty");
  return parts;
}

interface Span {
  from: number;
  to: number;
}

/** Where the message is; undefined where the line doesn't fit. */
function match(parts: readonly Part[], line: string): Span | undefined {
  const span = { from: 0, to: 0 };
  const failed = new Set<number>();
  /** Whether parts from `k` fit from `at` to the end. Each pair is tried once. */
  const fits = (list: readonly Part[], k: number, at: number, then: (end: number) => boolean): boolean => {
    if (k === list.length) return then(at);
    const part = list[k] as Part;
    if ("literal" in part) {
      const end = literalEnd(part.literal, line, at);
      return end >= 0 && fits(list, k + 1, end, then);
    }
    if ("optional" in part) {
      const rest = (end: number) => fits(list, k + 1, end, then);
      return fits(part.optional, 0, at, rest) || rest(at);
    }
    if (list === parts) {
      const known = k * (line.length + 1) + at;
      if (failed.has(known)) return false;
      failed.add(known);
    }
    const isContent = part.field === "Content";
    const done = (end: number) => {
      if (isContent) {
        span.from = at;
        span.to = end;
      }
      return fits(list, k + 1, end, then);
    };
    if (list === parts && k === parts.length - 1) return done(line.length);
    const furthest = isContent ? line.length : Math.min(line.length, MOST_HEADER_CHARS);
    for (let end = at; end <= furthest; end++) if (done(end)) return true;
    return false;
  };
  return fits(parts, 0, 0, (end) => end === line.length || line.slice(end).trim() === "") ? span : undefined;
}

/** Index behind the literal at `at`, -1 where it isn't there. */
function literalEnd(literal: string, line: string, at: number): number {
  let i = at;
  for (let k = 0; k < literal.length; k++) {
    if (literal[k] === " ") {
      if (k > 0 && literal[k - 1] === " ") continue;
      const from = i;
      while (i < line.length && line.charCodeAt(i) <= 32) i++;
      if (i === from) return -1;
    } else if (line[i] === literal[k]) i++;
    else return -1;
  }
  return i;
}
