import type { Representative } from "./representative.ts";
import type { LineScan } from "./scan/line-scan.ts";
import { PLAIN } from "./word-class.ts";

/** Positions of a line that are looked up. */
const LOOKED_UP = 16;

interface Pattern {
  readonly r: Representative;
  readonly tokens: Int32Array;
  readonly shapes: Int32Array;
  /** 1 where any word is right. */
  readonly wild: Uint8Array;
}

/** Patterns of one token count: by the position of their first plain constant, then by the hash of the token there. */
type Positions = Map<number, Pattern[]>[];

/** Fused representatives by token count and first plain constant: lines that fit one need no representative of their own. */
export class KnownPatterns {
  readonly #byLength = new Map<number, Positions>();

  /** `scan` holds the tokens of `r`. */
  add(r: Representative, { count, tokens, shapes }: LineScan): void {
    const at = r.tokens.findIndex((_, i) => r.classes[i] === PLAIN && r.words[i] !== "" && !r.wild.has(i));
    if (at < 0 || at >= LOOKED_UP || count !== r.tokens.length) return;
    const positions = this.#byLength.get(count) ?? [];
    this.#byLength.set(count, positions);
    for (let i = positions.length; i <= at; i++) positions.push(new Map());
    const patterns = positions[at] as Map<number, Pattern[]>;
    const token = tokens[at] as number;
    const wild = Uint8Array.from({ length: count }, (_, i) => (r.wild.has(i) ? 1 : 0));
    const pattern = { r, tokens: tokens.slice(0, count), shapes: shapes.slice(0, count), wild };
    const same = patterns.get(token)?.filter((p) => p.r !== r) ?? [];
    patterns.set(token, [...same, pattern]);
  }

  /** Equal but for varying positions, which must have the same delimiters. */
  find({ count, tokens, shapes }: LineScan): Representative | undefined {
    const positions = this.#byLength.get(count);
    if (!positions) return undefined;
    for (let i = 0; i < positions.length; i++) {
      const list = (positions[i] as Map<number, Pattern[]>).get(tokens[i]!);
      if (!list) continue;
      for (let k = 0; k < list.length; k++) {
        const p = list[k] as Pattern;
        if (!p.r.gone && fits(p, count, tokens, shapes)) return p.r;
      }
    }
    return undefined;
  }

  dropGone(): void {
    for (const positions of this.#byLength.values())
      for (const patterns of positions)
        for (const [token, list] of patterns) {
          const alive = list.filter((p) => !p.r.gone);
          if (alive.length > 0) patterns.set(token, alive);
          else patterns.delete(token);
        }
  }
}

function fits(p: Pattern, count: number, tokens: Int32Array, shapes: Int32Array): boolean {
  const { tokens: own, shapes: ownShapes, wild } = p;
  for (let i = 0; i < count; i++)
    if (own[i] !== tokens[i] && (wild[i] === 0 || ownShapes[i] !== shapes[i])) return false;
  return true;
}
