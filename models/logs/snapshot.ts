import type { Form } from "./form.ts";
import type { Item } from "./merging/item.ts";
import { type Representative, representative } from "./representative.ts";
import { shapeOf } from "./tokens.ts";
import type { WordClass } from "./word-class.ts";

/** The miner's state as plain JSON. */
export interface MinerSnapshot {
  readonly version: 1;
  readonly seen: number;
  readonly nextSettle: number;
  readonly nextId: number;
  readonly representatives: readonly SavedRepresentative[];
  readonly retired: readonly Item[];
  readonly counts: MinerCounts;
}

export interface MinerCounts {
  /** Lines longer than the limit, of which the beginning counts. */
  cutLines: number;
  /** Templates that were dropped for want of space. */
  retiredTemplates: number;
  /** Of those, the ones whose text is forgotten too: their lines are `<*>`. */
  forgottenTemplates: number;
}

interface SavedRepresentative {
  readonly ids: readonly number[];
  readonly lines: number;
  readonly lastLine: number;
  readonly forms: readonly Form[];
  readonly fused?: { tokens: readonly string[]; words: readonly string[]; classes: readonly number[]; wild: number[] };
}

export function saveRepresentative(r: Representative): SavedRepresentative {
  const { ids, lines, lastLine, forms, tokens, words, classes, wild } = r;
  const saved = { ids: [...ids], lines, lastLine, forms: structuredClone(forms) };
  return r.fused ? { ...saved, fused: { tokens, words, classes, wild: [...wild] } } : saved;
}

export function loadRepresentative({ ids, lines, lastLine, forms, fused }: SavedRepresentative): Representative {
  const kept = structuredClone(forms) as [Form, ...Form[]];
  const r = representative(ids[0] as number, kept[0], lastLine);
  r.ids.push(...ids.slice(1));
  r.lines = lines;
  r.forms = kept;
  if (fused) {
    r.fused = true;
    r.tokens = fused.tokens;
    r.words = fused.words;
    r.classes = fused.classes as WordClass[];
    r.wild = new Set(fused.wild);
    r.shapes = r.tokens.map((t, i) => shapeOf(t, r.words[i] as string));
  }
  return r;
}
