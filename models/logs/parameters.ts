import { WILDCARD } from "./characters.ts";

/** What a value looks like; the first that fits, in this order. Own masks come before, by their name. */
const TYPES = [
  ["uuid", /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
  ["ip", /^\/?\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?$/],
  ["ip:port", /^\/?\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}$/],
  ["mac", /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i],
  ["time", /^(?:\d{4}[-/]\d\d[-/]\d\d[T ])?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?$/],
  ["date", /^\d{4}[-/]\d\d[-/]\d\d$/],
  ["ip", /^(?=.*:.*:)[0-9a-f:]{3,39}$/i],
  ["number", /^[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d{1,3})?$/i],
  ["hex", /^(?:0x[0-9a-f]+|[0-9a-f]{6,})$/i],
  ["duration", /^[-+]?(?:\d+(?:\.\d+)? ?(?:ms|us|µs|ns|s|m|h|d|secs?|seconds?|mins?|minutes?|hours?|days?) ?)+$/i],
  ["size", /^\d+(?:\.\d+)? ?(?:[kmgtp]i?b?|b|bytes?)(?:\/s)?$/i],
  ["percent", /^[-+]?\d+(?:\.\d+)? ?%$/],
  ["boolean", /^(?:true|false)$/i],
  ["null", /^(?:null|none|nil|undefined)$/i],
  ["url", /^[a-z][a-z+.]{1,30}:\/\//i],
  ["path", /^(?:\/|~\/|\.{1,2}\/|[a-z]:\\|\\\\)[^\s]*$/i],
  ["quoted", /^(?:"[^"]*"|'[^']*')$/],
  ["word", /^[^\s]+$/],
] as const;

export type ParameterType = (typeof TYPES)[number][0] | "text";

export interface Parameter {
  /** A `ParameterType` or the name of an own mask. */
  readonly type: string;
  readonly value: string;
}

export interface NamedMask {
  readonly name: string;
  readonly pattern: RegExp;
}

/** Longer values are text: the patterns are linear, but nobody needs a type for them. */
const LONGEST_TYPED = 256;

export function parameterType(value: string, masks: readonly NamedMask[] = []): string {
  for (const { name, pattern } of masks) {
    const match = value.match(new RegExp(pattern.source, pattern.flags.replace("g", "")));
    if (match?.[0] === value) return name;
  }
  if (value.length > LONGEST_TYPED) return "text";
  return TYPES.find(([, pattern]) => pattern.test(value))?.[0] ?? "text";
}

/**
 * The values of a line at the wildcards of its template, with their types; undefined where the line doesn't fit the
 * template's text. White space counts as one space each. O(length).
 */
export function parametersOf(
  line: string,
  template: string,
  masks: readonly NamedMask[] = [],
): Parameter[] | undefined {
  const text = line.replace(/[\0-\x20]+/g, " ").trim();
  const segments = template.split(WILDCARD);
  const values = between(text, segments, 1) ?? between(text, segments, 0);
  return values?.map((value) => ({ type: parameterType(value.trim(), masks), value: value.trim() }));
}

/** What stands between the segments, found in order, each at least `least` characters; undefined where they don't fit. */
function between(text: string, segments: readonly string[], least: number): string[] | undefined {
  const first = segments[0] as string;
  if (!text.startsWith(first)) return undefined;
  const values: string[] = [];
  let from = first.length;
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] as string;
    const last = i === segments.length - 1;
    const to = last ? text.length - segment.length : segment === "" ? from : text.indexOf(segment, from + least);
    if (to < from || (last && !text.endsWith(segment))) return undefined;
    values.push(text.slice(from, to));
    from = to + segment.length;
  }
  return from === text.length ? values : undefined;
}
