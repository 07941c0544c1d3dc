import { WILDCARD } from "../characters.ts";
import { varies } from "../variability.ts";
import { MASK, MIXED, wordClass } from "../word-class.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";

const ENCLOSED = /<(?!\*>)(?:<\*>|[^<>])+>|"[^"]*"|\[[^[\]]*\]|\([^()]*\)|'[^']*'(?![A-Za-z])/g;
const HOLE = "\u0002";
const WORDS = /[A-Za-z]{2,}/g;
/** Share of lines whose content is nothing but masked values that makes it a value everywhere. */
const MASKED_SHARE = 0.3;

interface Opened {
  readonly item: Item;
  /** What stands between quotes or brackets, without them. */
  readonly contents: readonly string[];
}

/**
 * Templates that are equal but for quoted or bracketed content whose number of words varies are one, when the content is
 * a value: mostly masked, or of many wordings.
 */
export function mergeEnclosed(items: readonly Item[]): Item[] {
  const out: Item[] = [];
  const opened: (Opened & { frame: string })[] = [];
  for (const item of items) {
    const contents: string[] = [];
    const frame = item.pieces.join(" ").replace(ENCLOSED, (part) => {
      if (part.includes("=") || part.length < 3) return part;
      contents.push(part.slice(1, -1));
      return (part[0] as string) + HOLE + part.at(-1);
    });
    if (contents.length === 0) out.push(item);
    else opened.push({ item, contents, frame });
  }
  for (const [frame, group] of groupBy(opened, (x) => x.frame)) out.push(...mergeFrame(frame, group, new Set()));
  return out;
}

function mergeFrame(frame: string, group: readonly Opened[], inherited: ReadonlySet<number>): Item[] {
  const first = group[0] as Opened;
  if (group.length < 2) return [first.item];
  const constants = frame.match(WORDS)?.length ?? 0;
  const varying = new Set(inherited);
  let split: { at: number; values: number } | undefined;
  for (let i = 0; i < first.contents.length; i++) {
    const values = new Set(group.map((x) => x.contents[i]));
    if (values.size === 1) continue;
    if (isValue(group, i, constants, inherited.has(i))) varying.add(i);
    else if (!split || values.size < split.values) split = { at: i, values: values.size };
  }
  if (split) {
    const parts = groupBy(group, (x) => x.contents[split.at] as string);
    return [...parts.values()].flatMap((part) => mergeFrame(frame, part, varying));
  }
  let hole = 0;
  const text = frame.replaceAll(HOLE, () => {
    const i = hole++;
    return varying.has(i) ? WILDCARD : (first.contents[i] as string);
  });
  return [
    mergeItems(
      group.map((x) => x.item),
      text.split(" "),
      { open: varying.size > 0 },
    ),
  ];
}

function isValue(group: readonly Opened[], i: number, constants: number, inherited: boolean): boolean {
  const lengths = new Set<number>();
  const wordings = new Map<string, number>();
  let maskedLines = 0;
  let lines = 0;
  for (const { item, contents } of group) {
    const content = contents[i] as string;
    const words = content.split(/[ ,]+/);
    const isMasked = words.every((w) => w === "" || wordClass(w) === MASK || wordClass(w) === MIXED);
    const wording = isMasked ? WILDCARD : content.replaceAll(WILDCARD, "").replace(/[^A-Za-z]+/g, "x");
    lengths.add(words.length);
    lines += item.lines;
    if (isMasked) maskedLines += item.lines;
    wordings.set(wording, (wordings.get(wording) ?? 0) + item.lines);
  }
  if (lengths.size === 1) return false;
  return wordings.size === 1 || maskedLines >= MASKED_SHARE * lines || inherited || varies(wordings, constants);
}
