import { WILDCARD } from "../characters.ts";
import { RUN } from "../word-class.ts";
import { BLANK, DELIMITER, FLAGS, MASKED, MASKED_RUN, SPACE } from "./codes.ts";
import { maskPiece, pieceEnds } from "./mask-piece.ts";

/** Stands for the word in a shape. */
const HOLE = 3;
const FNV = 0x01000193;
const SEED = 0x811c9dc5 | 0;

/**
 * A line masked and cut into tokens without a string or an object: all results are numbers in arrays that the next line
 * overwrites. A token is `(delimiters)word(delimiters)`, with a blank before where a piece begins; pieces in a row that
 * are nothing but masks are one token.
 */
export class LineScan {
  #source = new Uint16Array(1024);
  /** The masked line: pieces with a blank behind each. */
  #out = new Uint16Array(1024);
  #end = 0;
  /** Hash of each token, and of its delimiters with a hole in place of its word. */
  tokens = new Int32Array(1024);
  shapes = new Int32Array(1024);
  count = 0;
  /** The key of the masked line: lines with the same tokens have the same. */
  h = 0;
  g = 0;
  /** Masked pieces, each of a run counted. */
  pieceCount = 0;
  /** Tells lines of one key apart whose runs differ. */
  runs = 0;

  readonly #mostPieces: number;

  /** `mostPieces`: a longer line is known by its beginning. */
  constructor(mostPieces = 256) {
    this.#mostPieces = mostPieces;
  }

  scan(line: string): void {
    this.#mask(line);
    this.#tokenise(true);
  }

  /** Takes a line that is masked: pieces with `<*>`, and `<+>` for a run. Without `join`, masks in a row stay several. */
  scanMasked(pieces: readonly string[], { join = true } = {}): void {
    this.#reserve(pieces.reduce((sum, p) => sum + p.length + 1, 0));
    const out = this.#out;
    let o = 0;
    for (const piece of pieces) {
      if (piece === RUN) out[o++] = MASKED_RUN;
      else
        for (let i = 0; i < piece.length; ) {
          const mask = piece.startsWith(WILDCARD, i);
          out[o++] = mask ? MASKED : piece.charCodeAt(i);
          i += mask ? WILDCARD.length : 1;
        }
      out[o++] = BLANK;
    }
    this.#end = o;
    this.#tokenise(join);
  }

  /** The masked pieces of the line as text, all of them. */
  pieces(): string[] {
    const pieces: string[] = [];
    let text = "";
    let from = 0;
    const out = this.#out;
    const flush = (to: number) => {
      if (to > from) text += String.fromCharCode(...out.subarray(from, to));
      from = to + 1;
    };
    for (let i = 0; i < this.#end; i++) {
      const c = out[i]!;
      if (c !== BLANK && c !== MASKED) continue;
      flush(i);
      if (c === MASKED) text += WILDCARD;
      else {
        pieces.push(text);
        text = "";
      }
    }
    return pieces;
  }

  #reserve(length: number): void {
    if (length + 8 <= this.#source.length) return;
    const size = 2 * length + 8;
    this.#source = new Uint16Array(size);
    this.#out = new Uint16Array(size);
    this.tokens = new Int32Array(size);
    this.shapes = new Int32Array(size);
  }

  #mask(line: string): void {
    const n = line.length;
    this.#reserve(n);
    const source = this.#source;
    const out = this.#out;
    for (let i = 0; i < n; i++) source[i] = line.charCodeAt(i);
    source.fill(BLANK, n, n + 4);
    let o = 0;
    for (let i = 0; i < n; ) {
      if ((FLAGS[source[i]!]! & SPACE) !== 0) {
        i++;
        continue;
      }
      maskPiece(source, i, out, o);
      i = pieceEnds.source;
      o = pieceEnds.out;
      out[o++] = BLANK;
    }
    this.#end = o;
  }

  #tokenise(join: boolean): void {
    const out = this.#out;
    const { tokens, shapes } = this;
    const mostPieces = this.#mostPieces;
    const end = this.#end;
    let h = SEED;
    let g = 0;
    let count = 0;
    let pieces = 0;
    let joinedPieces = 0;
    let run = 0;
    let runs = 0;
    let i = 0;
    for (; i < end; pieces++) {
      const c0 = out[i]!;
      const c1 = out[i + 1]!;
      if (
        c0 === MASKED_RUN ||
        (c0 === MASKED && (c1 === BLANK || ((c1 === 44 || c1 === 59) && out[i + 2] === BLANK)))
      ) {
        runs = Math.imul(runs ^ (count * 4 + (c1 === BLANK ? 1 : c1 === 44 ? 2 : 3)), FNV);
        run++;
        i += c1 === BLANK ? 2 : 3;
        if (run > 1 && join) {
          tokens[count - 1] = RUN_TOKEN;
          shapes[count - 1] = RUN_SHAPE;
          continue;
        }
        if (c0 === MASKED_RUN) {
          if (++joinedPieces > mostPieces) break;
          tokens[count] = RUN_TOKEN;
          shapes[count++] = RUN_SHAPE;
          continue;
        }
        i -= c1 === BLANK ? 2 : 3;
      } else run = 0;
      if (++joinedPieces > mostPieces) break;
      let token = Math.imul(SEED ^ BLANK, FNV);
      let shape = token;
      let held = false;
      for (;;) {
        const c = out[i]!;
        if (c === BLANK) break;
        if ((FLAGS[c]! & DELIMITER) !== 0) {
          token = Math.imul(token ^ c, FNV);
          shape = Math.imul(shape ^ c, FNV);
          i++;
          continue;
        }
        if (held) {
          tokens[count] = token ^ (token >>> 15);
          shapes[count++] = shape;
          token = SEED;
          shape = SEED;
        }
        held = true;
        shape = Math.imul(shape ^ HOLE, FNV);
        for (let w = c; w !== BLANK && (FLAGS[w]! & DELIMITER) === 0; w = out[++i]!) token = Math.imul(token ^ w, FNV);
      }
      tokens[count] = token ^ (token >>> 15);
      shapes[count++] = shape;
      i++;
    }
    if (i < end) {
      // Cut: what follows is a run, whatever it is.
      if (tokens[count - 1] !== RUN_TOKEN) {
        tokens[count] = RUN_TOKEN;
        shapes[count++] = RUN_SHAPE;
      }
      runs = 0;
      pieces = -1;
    }
    for (let t = 0; t < count; t++) {
      const token = tokens[t]!;
      h = Math.imul(h ^ token, FNV);
      g = Math.imul(g ^ token, 0x5bd1e995) ^ (g >>> 15);
    }
    this.count = count;
    this.pieceCount = pieces;
    this.runs = runs;
    this.h = (h ^ (h >>> 13)) | 0;
    this.g = g | 0;
  }
}

const RUN_TOKEN = 0x52554e;
const RUN_SHAPE = 0x53554e;
