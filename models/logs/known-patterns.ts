import type { Representative } from "./representative.ts";
import { shapeOf, type Tokens } from "./tokens.ts";
import { PLAIN } from "./word-class.ts";

/** Positions of a line that are looked up. */
const LOOKED_UP = 16;

/** Fused representatives by token count and first plain constant: lines that fit one need no representative of their own. */
export class KnownPatterns {
  readonly #byLength = new Map<number, Map<string, Representative[]>>();

  add(r: Representative): void {
    const at = r.tokens.findIndex((_, i) => r.classes[i] === PLAIN && r.words[i] !== "" && !r.wild.has(i));
    if (at < 0 || at >= LOOKED_UP) return;
    const patterns = this.#byLength.get(r.tokens.length) ?? new Map<string, Representative[]>();
    this.#byLength.set(r.tokens.length, patterns);
    const key = at + (r.tokens[at] as string);
    const same = patterns.get(key);
    if (!same) patterns.set(key, [r]);
    else if (!same.includes(r)) same.push(r);
  }

  /** Equal but for varying positions, which must have the same delimiters. */
  find({ tokens, words }: Tokens): Representative | undefined {
    const patterns = this.#byLength.get(tokens.length);
    if (!patterns) return undefined;
    for (let i = 0; i < tokens.length && i < LOOKED_UP; i++)
      for (const r of patterns.get(i + (tokens[i] as string)) ?? [])
        if (!r.gone && r.tokens.every((t, j) => t === tokens[j] || fits(r, j, tokens[j] as string, words[j] as string)))
          return r;
    return undefined;
  }

  dropGone(): void {
    for (const patterns of this.#byLength.values())
      for (const [key, list] of patterns) {
        const alive = list.filter((r) => !r.gone);
        if (alive.length > 0) patterns.set(key, alive);
        else patterns.delete(key);
      }
  }
}

const fits = (r: Representative, i: number, token: string, word: string): boolean =>
  r.wild.has(i) && shapeOf(token, word) === r.shapes[i];
