/** The measures of template mining, as ../shared/eval/eval_logs.py has them. */

export interface Scored {
  readonly GA: number;
  readonly FGA: number;
  readonly PA: number;
  readonly FTA: number;
}

export const MEASURES = ["GA", "FGA", "PA", "FTA"] as const;

const NAMED = /<:?[A-Z][A-Z0-9_]*:?>|<\*:[^<>\s]*>|\{\{?\w+\}?\}(?!\w)/g;
const GLUED = /<\*>(?:[.:,/_\-+@#=]*<\*>)+/g;

/** Named masks become `<*>`, chains of masks one, white space one space. */
export function normalised(template: string): string {
  let text = template.replace(/\s+/g, " ").trim().replace(NAMED, "<*>");
  for (;;) {
    const next = text.replace(GLUED, "<*>");
    if (next === text) return text;
    text = next;
  }
}

const f1 = (precision: number, recall: number) =>
  precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;

/**
 * GA: share of lines whose group is exactly a true group. FGA: F1 of groups. PA: share of lines whose template's text is the
 * true one. FTA: F1 of templates. Lines correspond by place.
 * @see Jiang et al. 2024, ISSTA; Khan et al. 2022, ICSE (FTA)
 */
export function scoreTemplates(truth: readonly string[], found: readonly { id: number; text: string }[]): Scored {
  const groups = (keys: readonly (string | number)[]) => {
    const map = new Map<string | number, number[]>();
    for (const [i, key] of keys.entries()) {
      const group = map.get(key);
      if (group) group.push(i);
      else map.set(key, [i]);
    }
    return map;
  };
  const trueGroups = groups(truth);
  const foundGroups = groups(found.map((f) => f.id));
  const byFirst = new Map([...trueGroups.values()].map((g) => [g[0] as number, g]));
  let rightLines = 0;
  let rightGroups = 0;
  for (const g of foundGroups.values()) {
    const t = byFirst.get(g[0] as number);
    if (t?.length !== g.length || g.some((line, i) => line !== t[i])) continue;
    rightGroups++;
    rightLines += g.length;
  }
  const memo = new Map<string, string>();
  const norm = (text: string) => {
    const known = memo.get(text) ?? normalised(text);
    memo.set(text, known);
    return known;
  };
  const trueTexts = truth.map(norm);
  const truthsOf = new Map<string, Set<string>>();
  let rightTexts = 0;
  for (const [i, { text }] of found.entries()) {
    const shown = norm(text);
    if (shown === trueTexts[i]) rightTexts++;
    const set = truthsOf.get(shown) ?? new Set();
    truthsOf.set(shown, set.add(trueTexts[i] as string));
  }
  const right = [...truthsOf].filter(([text, set]) => set.size === 1 && set.has(text)).length;
  return {
    GA: rightLines / truth.length,
    FGA: f1(rightGroups / foundGroups.size, rightGroups / trueGroups.size),
    PA: rightTexts / truth.length,
    FTA: f1(right / truthsOf.size, right / new Set(trueTexts).size),
  };
}

export function meanOf(list: readonly Scored[]): Scored {
  const mean = (m: keyof Scored) => list.reduce((sum, s) => sum + s[m], 0) / list.length;
  return { GA: mean("GA"), FGA: mean("FGA"), PA: mean("PA"), FTA: mean("FTA") };
}
