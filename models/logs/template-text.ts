import { isDigit, isLetter, WILDCARD } from "./characters.ts";
import type { Form } from "./form.ts";
import type { Representative } from "./representative.ts";
import { isValuePiece, masked } from "./tokens.ts";
import { RUN, UNIT } from "./word-class.ts";

/** Lines of a template before a word with a number that never changed is shown as it is. */
const LEAST_LINES_FOR_LITERALS = 3;

/** The pieces of the template that a representative stands for. O(forms * tokens). */
export function templatePieces(r: Representative): string[] {
  const first = r.forms[0] as Form;
  if (!r.fused && !first.varies) return withLiterals(first.pieces, r);
  let text = "";
  for (const [i, token] of first.tokens.entries()) {
    const space = token[0] === " " ? " " : "";
    const word = first.words[i] as string;
    if (!r.wild.has(i) && r.forms.every((f) => f.tokens[i] === token)) text += token;
    else if (i > 0 && space && r.forms.every((f) => f.classes[i] === UNIT)) text += token.slice(1).replace(word, "");
    else {
      const shown = masked(token, word);
      const alike = r.forms.every((f) => masked(f.tokens[i] as string, f.words[i] as string) === shown);
      text += alike ? shown : space + WILDCARD;
    }
  }
  const pieces = text.trim().split(" ");
  const steady = r.forms.every((f) => !f.varies && f.pieces.length === first.pieces.length);
  return withLiterals(steady ? withRuns(pieces, first.pieces) : pieces, r).map((p) => (p === RUN ? WILDCARD : p));
}

/** A run whose length never varies is written out as it was. */
function withRuns(pieces: readonly string[], original: readonly string[]): string[] {
  const runs: string[][] = [];
  let run: string[] = [];
  for (const piece of [...original, ""]) {
    if (piece !== "" && isValuePiece(piece)) run.push(piece);
    else {
      if (run.length > 1) runs.push(run);
      run = [];
    }
  }
  return pieces.flatMap((piece) => (piece === RUN ? (runs.shift() ?? [WILDCARD]) : [piece]));
}

function withLiterals(pieces: readonly string[], { forms, lines }: Representative): string[] {
  const usable = lines >= LEAST_LINES_FOR_LITERALS && forms.every((f) => f.literals?.length === pieces.length);
  if (!usable) return [...pieces];
  return pieces.map((piece, i) => {
    const literal = forms[0]?.literals?.[i];
    if (typeof literal !== "string" || !piece.includes(WILDCARD) || !isName(literal)) return piece;
    const named = [...piece].some((c) => isLetter(c.charCodeAt(0)));
    return named && forms.every((f) => f.literals?.[i] === literal) ? literal : piece;
  });
}

/** A letter before any digit, and neither `=` nor `:` in it. */
function isName(literal: string): boolean {
  const last = literal.at(-1) as string;
  const bare = ":.,".includes(last) ? literal.slice(0, -1) : literal;
  if (bare.includes("=") || bare.includes(":")) return false;
  for (let i = 0; i < bare.length; i++) {
    const c = bare.charCodeAt(i);
    if (isDigit(c)) return false;
    if (isLetter(c)) return true;
  }
  return false;
}
