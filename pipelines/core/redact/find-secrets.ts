/** Where secrets and personal data stand in a text. One pass; every look around is bounded, so that time is linear. */
import { cardEnd } from "./card-number.ts";
import { TOKEN_STARTS, tokenEnd, wordEnd } from "./known-token.ts";
import { LONGEST_NAME } from "./secret-names.ts";

export const SECRET_KINDS = ["token", "email", "card", "value", "custom"] as const;
export type SecretKind = (typeof SECRET_KINDS)[number];

export type Range = readonly [start: number, end: number];
/** `found(start, end, kind)`: half-open, in order, apart from each other, never empty. */
export type Found = (start: number, end: number, kind: SecretKind) => void;

const OTHER = 0;
const DIGIT = 1;
const LETTER = 2;
/** May begin a known token or `Bearer`. */
const START = 3;
const AT = 4;
const ASSIGN = 5;
const DASH = 6;

const kinds = new Uint8Array(128);
for (let c = 0; c < 128; c++) {
  const lower = c | 32;
  if (c >= 48 && c <= 57) kinds[c] = DIGIT;
  else if (lower >= 97 && lower <= 122) kinds[c] = LETTER;
}
for (const c of TOKEN_STARTS) kinds[c] = START;
for (const c of "Bb") kinds[c.charCodeAt(0)] = START;
kinds[64] = AT;
kinds[61] = ASSIGN;
kinds[58] = ASSIGN;
kinds[45] = DASH;

const kindAt = (text: string, i: number): number => {
  const c = text.charCodeAt(i);
  return c < 128 ? (kinds[c] as number) : OTHER;
};
const isAlnum = (text: string, i: number): boolean => {
  const k = kindAt(text, i);
  return k === DIGIT || k === LETTER || k === START;
};
const isWord = (text: string, i: number): boolean => isAlnum(text, i) || text.charCodeAt(i) === 95;

const PRIVATE_KEY = "-----BEGIN ";
const LONGEST_HEADING = 60;
const BEARER = /^(?:bearer|basic) +$/i;
const LONGEST_SCHEME = 12;
const WHOLE_LINE = /cookie$/i;
const SCHEME = /^(?:bearer|basic|digest|token|negotiate|ntlm|apikey)$/i;
const HARMLESS = /^(?:\**|true|false|null|nil|none|undefined|empty|\[?redacted\.*\]?)$/i;

export interface FindOptions {
  /** Whether what stands behind `name=` or `name:` is secret. */
  readonly isSecretName: (name: string) => boolean;
}

export function findSecrets(text: string, { isSecretName }: FindOptions, found: Found): void {
  const n = text.length;
  const out = new Telling(found);
  let inWord = false;
  for (let i = 0; i < n; ) {
    const c = text.charCodeAt(i);
    const kind = c < 128 ? kinds[c] : OTHER;
    let end = -1;
    if (kind === LETTER || (kind === START && inWord) || (kind === DIGIT && inWord)) {
      inWord = true;
      i++;
      continue;
    }
    if (kind === START) {
      end = tokenEnd(text, i);
      if (end > 0) end = out.tell(i, end, "token");
      else if ((c | 32) === 98) end = bearer(text, i, out);
      inWord = true;
    } else if (kind === DIGIT) {
      const before = text[i - 1];
      if (before !== "." && before !== "-") end = cardEnd(text, i);
      if (end > 0) end = out.tell(i, end, "card");
      inWord = true;
    } else {
      inWord = c === 95;
      if (kind === AT) end = address(text, i, out);
      else if (kind === ASSIGN) end = assigned(text, i, isSecretName, out);
      else if (kind === DASH) end = dashed(text, i, isSecretName, out);
    }
    if (end > i) {
      i = end;
      inWord = false;
    } else i++;
  }
}

/** A class, not a closure a call: lines are many and short. */
class Telling {
  readonly #found: Found;
  /** End of what was told last. */
  done = 0;

  constructor(found: Found) {
    this.#found = found;
  }

  /** The end of what was found; -1 where all of it was told before. */
  tell(start: number, end: number, kind: SecretKind): number {
    const from = Math.max(start, this.done);
    if (end <= from) return -1;
    this.#found(from, end, kind);
    this.done = end;
    return end;
  }
}

/** `Bearer eyJ…`, `Basic dXNlcjp…`, wherever it stands. */
function bearer(text: string, at: number, out: Telling): number {
  let from = at + 5;
  if (text[from] !== " ") from++;
  while (text[from] === " " && from - at < LONGEST_SCHEME) from++;
  if (!BEARER.test(text.slice(at, from))) return -1;
  let end = wordEnd(text, from);
  while (end < text.length && "+/=~".includes(text[end] as string)) end = Math.max(end + 1, wordEnd(text, end + 1));
  const value = text.slice(from, end);
  return value.length >= 8 && /[\d=]/.test(value) ? out.tell(from, end, "token") : -1;
}

const isLocal = (text: string, i: number): boolean => isAlnum(text, i) || "._%+-".includes(text[i] ?? " ");
const LONGEST_LOCAL = 64;
const LONGEST_DOMAIN = 253;
const LONGEST_USER_INFO = 256;

/** An e-mail address, or the password of a URL, around the `@` at `at`. */
function address(text: string, at: number, out: Telling): number {
  let from = at;
  const least = Math.max(out.done, at - LONGEST_USER_INFO);
  while (from > least && !/[\s/@"'<>]/.test(text[from - 1] as string)) from--;
  if (from >= 3 && text.startsWith("://", from - 3)) {
    const colon = text.indexOf(":", from);
    return colon > 0 && colon < at - 1 && !HARMLESS.test(text.slice(colon + 1, at))
      ? out.tell(colon + 1, at, "value")
      : -1;
  }
  let start = at;
  const first = Math.max(out.done, at - LONGEST_LOCAL);
  while (start > first && isLocal(text, start - 1)) start--;
  while (start < at && !isAlnum(text, start)) start++;
  if (start === at) return -1;
  let end = at + 1;
  let dot = -1;
  for (; end < text.length && end - at <= LONGEST_DOMAIN; end++)
    if (text[end] === ".") {
      if (!isAlnum(text, end + 1)) break;
      dot = end;
    } else if (!isAlnum(text, end) && text[end] !== "-") break;
  if (dot <= at + 1 || end - dot < 3) return -1;
  for (let i = dot + 1; i < end; i++) if (kindAt(text, i) === DIGIT) return -1;
  return out.tell(start, end, "email");
}

const isName = (text: string, i: number): boolean => isWord(text, i) || text[i] === "-" || text[i] === ".";

/** `name=value`, `name: value`, `"name": "value"`, also within a quoted text, where quotes have a backslash before them. */
function assigned(text: string, at: number, isSecretName: (name: string) => boolean, out: Telling): number {
  let to = at;
  const bound = at - LONGEST_NAME;
  while (to > bound && to > 0 && " \"'\\]".includes(text[to - 1] as string)) to--;
  let from = to;
  while (from > bound && from > 0 && isName(text, from - 1)) from--;
  if (from === to) return -1;
  const name = text.slice(from, to);
  if (!isSecretName(name)) return -1;
  let start = at + 1;
  if (text[start] === ">" || text[start] === "=") start++;
  while (text[start] === " " || text[start] === "\t") start++;
  return value(text, start, WHOLE_LINE.test(name), out);
}

const QUOTES = "\"'`";

/** The value that begins at `start`: quoted, or up to white space or what parts values. */
function value(text: string, start: number, wholeLine: boolean, out: Telling): number {
  let from = start;
  while (text[from] === "\\") from++;
  const quote = QUOTES.includes(text[from] ?? " ") ? (text[from] as string) : "";
  if (quote !== "") from++;
  let end = valueEnd(text, from, quote, wholeLine);
  if (quote === "" && !wholeLine && SCHEME.test(text.slice(from, end)) && text[end] === " ") {
    let next = end;
    while (text[next] === " ") next++;
    end = Math.max(end, valueEnd(text, next, "", false));
    from = end > next ? next : from;
  }
  while (end > from && /[\s\\]/.test(text[end - 1] as string)) end--;
  if (end <= from || HARMLESS.test(text.slice(from, Math.min(end, from + 1000)))) return -1;
  return out.tell(from, end, "value");
}

function valueEnd(text: string, from: number, quote: string, wholeLine: boolean): number {
  let end = from;
  for (; end < text.length; end++) {
    const c = text[end] as string;
    if (c === "\n" || c === "\r") break;
    if (quote !== "" ? c === quote : QUOTES.includes(c)) break;
    if (quote === "" && !wholeLine && (c <= " " || ",;&)}]<>\\".includes(c)) && !(end === from && c === "[")) break;
  }
  return end;
}

/** `--password value` of a command line, or a private key in PEM. */
function dashed(text: string, at: number, isSecretName: (name: string) => boolean, out: Telling): number {
  if (text[at + 1] !== "-" || text[at - 1] === "-") return -1;
  if (text.startsWith(PRIVATE_KEY, at)) {
    const heading = text.slice(at, at + LONGEST_HEADING);
    if (!heading.includes("PRIVATE KEY-----")) return -1;
    const from = at + heading.indexOf("PRIVATE KEY-----") + "PRIVATE KEY-----".length;
    const end = text.indexOf("-----END", from);
    return out.tell(from, end < 0 ? text.length : end, "token");
  }
  let end = at + 2;
  while (end - at < LONGEST_NAME && isName(text, end)) end++;
  if (text[end] !== " " || !isSecretName(text.slice(at + 2, end))) return -1;
  while (text[end] === " ") end++;
  return text[end] === "-" ? -1 : value(text, end, false, out);
}
