import { isLetter, WILDCARD } from "./characters.ts";
import { joinRuns, tokensOf } from "./tokens.ts";
import { classAt, RUN, type WordClass } from "./word-class.ts";

/** One masked form of a line, as first seen, with what is needed to write a template from it. Plain JSON. */
export interface Form {
  readonly tokens: readonly string[];
  readonly words: readonly string[];
  readonly classes: readonly WordClass[];
  /** Masked pieces, runs not joined. */
  readonly pieces: readonly string[];
  /** Lines of this form had other numbers of pieces in a run. */
  varies: boolean;
  lines: number;
  /** Raw pieces that never changed, null where they did; null where nothing could be restored from them. */
  literals: (string | null)[] | null;
}

export interface MaskedLine {
  readonly pieces: readonly string[];
  readonly joined: readonly string[];
  readonly key: string;
}

/** A longer line is known by its beginning. */
const MOST_PIECES = 256;

export function maskedLine(pieces: readonly string[]): MaskedLine {
  const joined = joinRuns(pieces);
  if (joined.length <= MOST_PIECES) return { pieces, joined, key: joined.join(" ") };
  const cut = [...joined.slice(0, MOST_PIECES).filter((p, i) => i < MOST_PIECES - 1 || p !== RUN), RUN];
  return { pieces: cut.map((p) => (p === RUN ? WILDCARD : p)), joined: cut, key: cut.join(" ") };
}

const WHITE_SPACE = /[\0-\x20]+/;
export const rawPieces = (line: string): string[] => line.split(WHITE_SPACE).filter((piece) => piece !== "");

export function formOf({ pieces, joined }: MaskedLine, line: string): Form {
  const { tokens, words } = tokensOf(joined);
  const classes = words.map((_, i) => classAt(words, i, tokens));
  const raw = pieces.some(isNameWithNumber) ? rawPieces(line) : null;
  const literals = raw?.length === pieces.length ? raw : null;
  return {
    tokens: tokens.map(shared),
    words: words.map(shared),
    classes,
    pieces: pieces.map(shared),
    varies: false,
    lines: 1,
    literals: literals?.map(shared) ?? null,
  };
}

/** Strings that forms have in common, once; and free of the text that they were cut from, which they would keep alive. */
const strings = new Map<string, string>();
const MOST_STRINGS = 20_000;

export function shared(text: string): string {
  const known = strings.get(text);
  if (known !== undefined) return known;
  if (strings.size >= MOST_STRINGS) strings.clear();
  const own = JSON.parse(JSON.stringify(text)) as string;
  strings.set(own, own);
  return own;
}

/** Forgets the literals that another line of the form doesn't have. O(line), a few times a form. */
export function keepLiterals(form: Form, line: string): void {
  const raw = rawPieces(line);
  if (form.literals === null) return;
  if (raw.length !== form.literals.length) form.literals = null;
  else for (const [i, piece] of raw.entries()) if (form.literals[i] !== piece) form.literals[i] = null;
}

function isNameWithNumber(piece: string): boolean {
  if (piece.length <= WILDCARD.length || !piece.includes(WILDCARD)) return false;
  for (let i = 0; i < piece.length; i++) if (isLetter(piece.charCodeAt(i))) return true;
  return false;
}
