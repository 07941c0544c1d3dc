/** Keys that tell by their beginning whose they are: the beginning, and the fewest characters behind it. */
const TOKENS: readonly (readonly [prefix: string, least: number])[] = [
  ["AKIA", 16],
  ["ASIA", 16],
  ["AIza", 30],
  ["AGE-SECRET-KEY-1", 30],
  ["SG.", 30],
  ["dop_v1_", 30],
  ["eyJ", 17],
  ["ghp_", 30],
  ["gho_", 30],
  ["ghu_", 30],
  ["ghs_", 30],
  ["ghr_", 30],
  ["github_pat_", 30],
  ["glpat-", 16],
  ["hf_", 30],
  ["hvs.", 20],
  ["npm_", 30],
  ["pypi-", 40],
  ["rk_live_", 16],
  ["shpat_", 24],
  ["sk-", 20],
  ["sk_live_", 16],
  ["sk_test_", 16],
  ["whsec_", 20],
  ["xapp-", 10],
  ["xoxa-", 10],
  ["xoxb-", 10],
  ["xoxp-", 10],
  ["xoxr-", 10],
  ["xoxs-", 10],
  ["ya29.", 20],
];

const byFirst = new Map<number, (readonly [string, number])[]>();
for (const token of TOKENS) {
  const first = token[0].charCodeAt(0);
  byFirst.set(first, [...(byFirst.get(first) ?? []), token]);
}
/** First characters of known tokens. */
export const TOKEN_STARTS: readonly number[] = [...byFirst.keys()];

/** Of base64url, with the dots of a JWT. */
const isTokenChar = (c: number): boolean =>
  (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 122) || c === 45 || c === 95 || c === 46;

export function wordEnd(text: string, start: number, limit = text.length): number {
  let end = start;
  const last = Math.min(limit, text.length);
  while (end < last && isTokenChar(text.charCodeAt(end))) end++;
  // A sentence may end behind it.
  while (end > start && text[end - 1] === ".") end--;
  return end;
}

const DIGIT = /\d/;
/** Looked at before it is known to be a token: bounds what words without end can cost. */
const LOOKED_AT = 512;

/** End of the access key that begins at `start`, -1 where there is none. */
export function tokenEnd(text: string, start: number): number {
  for (const [prefix, least] of byFirst.get(text.charCodeAt(start)) ?? []) {
    if (!text.startsWith(prefix, start)) continue;
    if (prefix === "eyJ") return jwtEnd(text, start, start + prefix.length + least);
    const looked = wordEnd(text, start, start + LOOKED_AT);
    if (looked - start < prefix.length + least || !DIGIT.test(text.slice(start, looked))) continue;
    return wordEnd(text, looked);
  }
  return -1;
}

/** Three parts with dots between. Each part is looked at by at most two beginnings. */
function jwtEnd(text: string, start: number, least: number): number {
  const header = partEnd(text, start);
  if (text[header] !== "." || header - start < 4) return -1;
  const payload = partEnd(text, header + 1);
  if (text[payload] !== "." || payload === header + 1) return -1;
  const end = wordEnd(text, payload + 1);
  return end >= least ? end : -1;
}

function partEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && text.charCodeAt(end) !== 46 && isTokenChar(text.charCodeAt(end))) end++;
  return end;
}
