import { isDelimiter, WILDCARD } from "./characters.ts";
import { RUN } from "./word-class.ts";

/** A line as compared: each token is `(delimiters)word(delimiters)`, with a space before where a piece begins. */
export interface Tokens {
  readonly tokens: string[];
  /** The word of each token, without its delimiters; "" where there is none. */
  readonly words: string[];
}

/** Pieces in a row that are nothing but masked values become one: lists of different length are one thing. */
export function joinRuns(pieces: readonly string[]): string[] {
  const out: string[] = [];
  let run = 0;
  for (const piece of pieces) {
    run = isValuePiece(piece) ? run + 1 : 0;
    if (run > 1) out[out.length - 1] = RUN;
    else out.push(piece);
  }
  return out;
}

export const isValuePiece = (piece: string): boolean => piece === WILDCARD || piece === "<*>," || piece === "<*>;";

export function tokensOf(pieces: readonly string[]): Tokens {
  const out: Tokens = { tokens: [], words: [] };
  for (const piece of pieces)
    if (piece === RUN) {
      out.tokens.push(` ${RUN}`);
      out.words.push(RUN);
    } else splitPiece(piece, out);
  return out;
}

/** Alternating runs of delimiters and words of a masked piece; the wildcard counts as part of a word. */
export function partsOf(piece: string): { text: string; word: boolean }[] {
  const parts: { text: string; word: boolean }[] = [];
  let from = 0;
  let inWord: boolean | undefined;
  for (let i = 0; i <= piece.length; ) {
    const wildcard = i < piece.length && piece.startsWith(WILDCARD, i);
    const word = i === piece.length ? undefined : wildcard || !isDelimiter(piece.charCodeAt(i));
    if (word !== inWord) {
      if (inWord !== undefined) parts.push({ text: piece.slice(from, i), word: inWord });
      from = i;
      inWord = word;
    }
    i += wildcard ? WILDCARD.length : 1;
  }
  return parts;
}

function splitPiece(piece: string, { tokens, words }: Tokens): void {
  let token = " ";
  let held: string | undefined;
  for (const { text, word } of partsOf(piece)) {
    if (word) {
      if (held !== undefined) {
        tokens.push(token);
        words.push(held);
        token = "";
      }
      held = text;
    }
    token += text;
  }
  tokens.push(token);
  words.push(held ?? "");
}

/** The inverse of `tokensOf`: pieces, a run as one. */
export function joinedPieces(tokens: readonly string[]): string[] {
  return tokens.join("").slice(1).split(" ");
}

/** Stands for the word in a shape. */
const HOLE = "\0";

/** The delimiters of a token with a hole in place of its word: tokens of different shape are not values of one thing. */
export const shapeOf = (token: string, word: string): string => token.replace(word || HOLE, () => HOLE);

/** The token with its word replaced by the wildcard. */
export const masked = (token: string, word: string): string => token.replace(word || HOLE, () => WILDCARD);
