/** What a character code is, and the codes that stand for masks in a scanned line. */
import { DELIMITERS } from "../characters.ts";

export const SPACE = 1;
/** Ends a word inside a white-space piece. */
export const DELIMITER = 2;
export const DIGIT = 4;
export const LETTER = 8;
/** a-f in either case; also a letter. */
export const HEX = 16;
/** Stands between masks that are one value: `. , / _ - + @ # =`. */
export const JOINER = 32;
/** Ends a path or URL whatever came before. */
export const PATH_STOP = 64;

/** Flags of each code. */
export const FLAGS = new Uint8Array(65_536);
for (let c = 0; c <= 32; c++) FLAGS[c]! |= SPACE | PATH_STOP;
for (let c = 48; c <= 57; c++) FLAGS[c]! |= DIGIT;
for (const lower of "abcdefghijklmnopqrstuvwxyz")
  for (const letter of [lower, lower.toUpperCase()]) FLAGS[letter.charCodeAt(0)]! |= LETTER | (lower <= "f" ? HEX : 0);
for (const c of DELIMITERS) FLAGS[c.charCodeAt(0)]! |= DELIMITER;
for (const c of ".,/_-+@#=") FLAGS[c.charCodeAt(0)]! |= JOINER;
for (const c of "\"'<>|") FLAGS[c.charCodeAt(0)]! |= PATH_STOP;

/** The wildcard in a masked line: a control character, which no line has within a piece. */
export const MASKED = 1;
/** A run of masked pieces. */
export const MASKED_RUN = 2;
export const BLANK = 32;
