import { hasDigit, isDelimiter, isDigit, isLetter, isSpace, WILDCARD } from "./characters.ts";
import { maskWord } from "./mask-word.ts";
import { pathEnd } from "./path-end.ts";
import { PLAIN, wordClass } from "./word-class.ts";

const KEYWORD_VALUE = /^(?:true|false|null|none|nil|nan|undefined)$/i;
const LONGEST_KEYWORD = 9;
const SCHEME = /^[a-z][a-z+.]*$/i;
/** Times, MAC and IPv6 addresses. */
const COLON_GROUPS = /(?<![0-9A-Za-z_])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![0-9A-Za-z_])/g;
const JOINED = /<\*>(?:[.,/_\-+@#=]+<\*>)+/g;
const ADJACENT = /<\*>(?:<\*>)+/g;
const LIST_OPENERS = "[({\"'";
const LIST_CLOSERS = "])}\"',;.:";

/**
 * The white-space pieces of a line with what varies by its looks replaced by `<*>`: numbers with units, hex, ids, paths,
 * URLs, times, addresses, values of `key=value`. O(length), no backtracking beyond a word. Input: one line without its
 * line end, of any characters.
 */
export function maskLine(line: string): string[] {
  const pieces: string[] = [];
  const state = { at: 0 };
  while (state.at < line.length) {
    if (isSpace(line.charCodeAt(state.at))) state.at++;
    else pieces.push(maskPiece(line, state));
  }
  return pieces;
}

function maskPiece(line: string, state: { at: number }): string {
  const n = line.length;
  const start = state.at;
  let i = start;
  let wordStart = i;
  let out = "";
  let digit = false;
  let slashes = 0;
  let colons = 0;
  for (;;) {
    let c = i < n ? line.charCodeAt(i) : 32;
    if (!isSpace(c) && !isDelimiter(c)) {
      if (isDigit(c)) digit = true;
      else if (c === 47 || c === 92) slashes++;
      i++;
      continue;
    }
    if (i > wordStart) {
      if (slashes >= 2 && line.charCodeAt(wordStart) === 47 && !isSpace(c) && c !== 44 && c !== 59) {
        i = pathEnd(line, wordStart);
        c = i < n ? line.charCodeAt(i) : 32;
      }
      const word = line.slice(wordStart, i);
      if (digit || slashes >= 2) out += maskWord(word);
      else out += word.length <= LONGEST_KEYWORD && KEYWORD_VALUE.test(word) ? WILDCARD : word;
    }
    if (isSpace(c)) break;
    if (c === 58 && slashes === 0 && line.charCodeAt(i + 1) === 47 && line.charCodeAt(i + 2) === 47) {
      const scheme = line.slice(wordStart, i);
      if (SCHEME.test(scheme)) {
        out = out.slice(0, out.length - scheme.length) + WILDCARD;
        i = pathEnd(line, i);
        wordStart = i;
        digit = false;
        slashes = 0;
        continue;
      }
    }
    if (c === 58) colons++;
    out += line[i];
    i++;
    if (c === 61) {
      const end = valueEnd(line, i, out.length > 1 ? out.charCodeAt(out.length - 2) : 0);
      if (end > i) {
        out += WILDCARD;
        i = end;
      }
    }
    wordStart = i;
    digit = false;
    slashes = 0;
  }
  state.at = i;
  if (colons > 1 && out.includes(WILDCARD)) out = maskColonGroups(line.slice(start, i)) ?? out;
  if (out.includes(",")) out = maskCommaList(out);
  return out.length > 3 && out.includes(WILDCARD) ? out.replace(JOINED, WILDCARD).replace(ADJACENT, WILDCARD) : out;
}

/**
 * Index behind the value that starts at `start` after `=`: up to white space, `,`, `;` or a closing bracket that it
 * didn't open. `start` itself where it is none: no name before `=`, a quoted value, another `=` in it.
 */
function valueEnd(line: string, start: number, beforeEquals: number): number {
  if (start >= line.length || !(isLetter(beforeEquals) || beforeEquals === 95 || beforeEquals === 62)) return start;
  const first = line.charCodeAt(start);
  if (isSpace(first) || "=,;\"'>)".includes(line[start] as string)) return start;
  let depth = 0;
  let i = start;
  for (; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (isSpace(c)) break;
    if (c === 40 || c === 91 || c === 123) depth++;
    else if (c === 41 || c === 93 || c === 125) {
      if (depth === 0) break;
      depth--;
    } else if (depth === 0 && (c === 44 || c === 59)) break;
    else if (depth === 0 && c === 61) return start;
  }
  return depth === 0 ? i : start;
}

function maskColonGroups(piece: string): string | undefined {
  let found = false;
  const marked = piece.replace(COLON_GROUPS, (group) => {
    if (group.length < 5 || !hasDigit(group)) return group;
    found = true;
    return "7";
  });
  // One digit in place of each group: the second pass has fewer colons, so this ends.
  return found ? maskLine(marked).join(" ") : undefined;
}

/** A list in one piece of which every item varies by its looks is one value. */
function maskCommaList(piece: string): string {
  if (piece.includes("=")) return piece;
  let from = 0;
  let to = piece.length;
  while (from < to && LIST_OPENERS.includes(piece[from] as string)) from++;
  while (to > from && LIST_CLOSERS.includes(piece[to - 1] as string)) to--;
  const items = piece.slice(from, to).split(",");
  if (items.length < 2 || items.some((item) => wordClass(item) === PLAIN)) return piece;
  return piece.slice(0, from) + WILDCARD + piece.slice(to);
}
