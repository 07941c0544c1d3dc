/** The wildcard of a template. */
export const WILDCARD = "<*>";

/** Characters that end a word inside a white-space piece; below 128, all others are part of words. */
export const DELIMITERS = "=:,()[]{}\"'|;<>@#!?&";

const delimiter = new Uint8Array(128);
for (const c of DELIMITERS) delimiter[c.charCodeAt(0)] = 1;

export const isDelimiter = (code: number): boolean => code < 128 && delimiter[code] === 1;
export const isDigit = (code: number): boolean => code >= 48 && code <= 57;
export const isLetter = (code: number): boolean => {
  const lower = code | 32;
  return lower >= 97 && lower <= 122;
};
/** a-f in either case. */
export const isHexLetter = (code: number): boolean => {
  const lower = code | 32;
  return lower >= 97 && lower <= 102;
};
/** White space and control characters. */
export const isSpace = (code: number): boolean => code <= 32;

export const hasDigit = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (isDigit(text.charCodeAt(i))) return true;
  return false;
};
