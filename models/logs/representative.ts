import { type Form, shared } from "./form.ts";
import { shapeOf } from "./tokens.ts";
import type { WordClass } from "./word-class.ts";

/** Representatives that are similar to one another, directly or through others. */
export interface Component {
  members: Representative[];
  /** Members added since it was last judged. */
  added: number;
}

/** One template in the making: a masked form, or several that were judged to be one. */
export interface Representative {
  /** Oldest of `ids`: the name that lives on. */
  readonly id: number;
  /** Every id whose lines belong here. */
  readonly ids: number[];
  tokens: readonly string[];
  words: readonly string[];
  classes: readonly WordClass[];
  shapes: readonly string[];
  /** Positions that vary, for good. */
  wild: Set<number>;
  forms: Form[];
  fused: boolean;
  lines: number;
  /** Number of the line that came last. */
  lastLine: number;
  component: Component;
  /** Pieces of the first line, and what tells its runs from those of others of its form: see `LineScan`. */
  pieceCount: number;
  runs: number;
  /** Fused into another one, or evicted. */
  gone: boolean;
}

/** Forms kept of one representative: enough to tell what varies, few enough to bound memory. */
export const MOST_FORMS = 32;

export function representative(id: number, form: Form, line: number): Representative {
  const { tokens, words, classes } = form;
  const made: Omit<Representative, "component"> = {
    id,
    ids: [id],
    tokens,
    words,
    classes,
    shapes: tokens.map((t, i) => shared(shapeOf(t, words[i] as string))),
    wild: new Set(),
    forms: [form],
    fused: false,
    lines: 1,
    lastLine: line,
    pieceCount: 0,
    runs: 0,
    gone: false,
  };
  const alone = made as Representative;
  alone.component = { members: [alone], added: 0 };
  return alone;
}
