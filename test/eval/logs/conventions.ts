/** What people who label logs do where a few plain words take turns at one place, counted in labelled systems. */
import type { ParsedSystem } from "./data.ts";

export interface Conventions {
  readonly system: string;
  /** Places at which templates differ in nothing but two to nine wordings of plain words: written out. */
  readonly writtenOut: number;
  /** Wildcards at which the lines have two to nine wordings of plain words. */
  readonly wildcards: number;
}

const FEWEST = 2;
const MOST = 9;
const LONGEST_WORDING = 4;
const LEAST_CONSTANTS = 2;
/** Longer templates make patterns that take long to match. */
const MOST_WILDCARDS = 30;
const PLAIN = /^[A-Za-z]+(?:[ -][A-Za-z]+)*$/;
const QUOTED_PLAIN = /^["'([]*[A-Za-z]+(?:[ -][A-Za-z]+)*["')\],.:;]*$/;
/** What every miner masks. */
const LITERAL = /^(?:true|false|null|none)$/i;

const isFew = ({ size }: ReadonlySet<string>): boolean => size >= FEWEST && size <= MOST;

export function conventionsOf({ name, contents, templates }: ParsedSystem): Conventions {
  const lines = new Map<string, string[]>();
  for (const [i, template] of templates.entries())
    lines.set(template, [...(lines.get(template) ?? []), contents[i] as string]);
  const wildcards = [...lines].flatMap(([template, list]) => valuesOf(template, list)).filter(isPlain).length;
  return { system: name, writtenOut: framesOf([...lines.keys()]).length, wildcards };
}

const isPlain = (values: ReadonlySet<string>): boolean =>
  isFew(values) && [...values].every((v) => PLAIN.test(v) && !LITERAL.test(v));

/** The values of the lines at each wildcard of their template. */
function valuesOf(template: string, lines: readonly string[]): Set<string>[] {
  const parts = template.split("<*>");
  if (parts.length - 1 > MOST_WILDCARDS) return [];
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
  const pattern = new RegExp(`^${parts.map(literal).join("(.*?)")}$`);
  const values = parts.slice(1).map(() => new Set<string>());
  for (const line of lines)
    for (const [i, value] of (pattern.exec(line.trim()) ?? []).slice(1).entries()) values[i]?.add(value);
  return values;
}

/** Texts with a hole that several templates are equal to but for a few plain words in it. */
function framesOf(templates: readonly string[]): string[] {
  const wordings = new Map<string, Set<string>>();
  for (const template of templates) {
    const words = template.split(/\s+/);
    for (let from = 0; from < words.length; from++)
      for (let to = from + 1; to <= Math.min(words.length, from + LONGEST_WORDING); to++) {
        const wording = words.slice(from, to).join(" ");
        if (!QUOTED_PLAIN.test(wording)) continue;
        const frame = [...words.slice(0, from), "\0", ...words.slice(to)].join(" ");
        wordings.set(frame, (wordings.get(frame) ?? new Set()).add(wording));
      }
  }
  return [...wordings].flatMap(([frame, set]) => {
    const constants = frame.match(/[A-Za-z]{2,}/g)?.length ?? 0;
    return isFew(set) && constants >= LEAST_CONSTANTS && !shareAnEnd([...set]) ? [frame] : [];
  });
}

/** Then a shorter hole says the same. */
function shareAnEnd(wordings: readonly string[]): boolean {
  const ends = wordings.map((w) => w.split(" "));
  const [first] = ends as [string[]];
  return ends.every((w) => w[0] === first[0]) || ends.every((w) => w.at(-1) === first.at(-1));
}
