import { WILDCARD } from "./characters.ts";
import { MOST_FORMS, type Representative } from "./representative.ts";
import { masked, shapeOf } from "./tokens.ts";
import { MASK, UNIT } from "./word-class.ts";

/** Makes one representative of a cell (two or more): the one with the oldest id, which is given back; the others go. */
export function fuse(cell: readonly Representative[]): Representative {
  const [kept, ...others] = [...cell].sort((a, b) => a.id - b.id) as [Representative, ...Representative[]];
  const tokens = [...kept.tokens];
  const words = [...kept.words];
  const classes = [...kept.classes];
  for (let i = 0; i < tokens.length; i++) {
    if (others.some((r) => r.wild.has(i))) kept.wild.add(i);
    if (others.every((r) => r.tokens[i] === kept.tokens[i])) continue;
    kept.wild.add(i);
    const text = masked(kept.tokens[i] as string, kept.words[i] as string);
    const alike = others.every((r) => masked(r.tokens[i] as string, r.words[i] as string) === text);
    tokens[i] = alike ? text : (kept.tokens[i]?.[0] === " " ? " " : "") + WILDCARD;
    words[i] = WILDCARD;
    classes[i] = cell.every((r) => r.classes[i] === UNIT) ? UNIT : MASK;
  }
  for (const r of others) {
    kept.lines += r.lines;
    kept.lastLine = Math.max(kept.lastLine, r.lastLine);
    for (const id of r.ids) kept.ids.push(id);
    for (const form of r.forms) if (kept.forms.length < MOST_FORMS) kept.forms.push(form);
    r.gone = true;
  }
  kept.tokens = tokens;
  kept.words = words;
  kept.classes = classes;
  kept.shapes = tokens.map((t, i) => shapeOf(t, words[i] as string));
  kept.fused = true;
  return kept;
}
