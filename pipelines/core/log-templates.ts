/** What windows ask of whoever mines templates: they hold no model themselves. */
import type { Stateful } from "./stage.ts";

export interface LineTemplates {
  /** Id of the body's template as of now, > 0. Learns. */
  idOf(body: string): number;
  /** The id that lives on for a former one. */
  now(id: number): number;
  /** With `<*>` where lines differ. */
  textOf(id: number): string;
}

export interface LogTemplates extends LineTemplates, Stateful {}

/** Whether an entity's lines of one window are as they used to be. */
export interface TemplateRates extends Stateful {
  /** Judges, then learns. `counts`: lines by template, ids that live. Undefined while too little has been seen. */
  judge(entityId: number, counts: ReadonlyMap<number, number>, now: (id: number) => number): RateOpinion | undefined;
}

/** Whether durations and sizes in lines are as they used to be. */
export interface LineParameters extends Stateful {
  /** Judges, then learns. `p`: least probability of the line's values, 1 where there is no opinion; `tests`: values judged. */
  judge(entityId: number, templateId: number, body: string): { readonly p: number; readonly tests: number };
}

export interface RateOpinion {
  /** Probability of a window at least as odd, (0, 1]. */
  readonly p: number;
  /** The template of the oddest count: more lines than usual, fewer, or none of one that was regular. */
  readonly template: number | undefined;
}
