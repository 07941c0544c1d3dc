import { MESSAGE_KEY } from "./json-line.ts";

const MESSAGE = /(?:^| )(?:msg|message|event|evt)=/;
/** Nothing but pairs: a line whose keys say what it is. */
const ALL_PAIRS = /^(?: ?[A-Za-z_][\w.-]{0,63}=(?:"(?:[^"\\]|\\.)*"|[^" ]*)){3,}$/;
/** A quoted message, then nothing but pairs. */
const MESSAGE_AND_PAIRS = /^"[^"]{1,256}"(?: [A-Za-z_][\w.-]{0,63}=(?:"(?:[^"\\]|\\.)*"|[^" ]*)){2,}$/;
/** A pair with a quoted value, in which `\\` escapes. */
const QUOTED_PAIR = /(^| )([A-Za-z_][\w.-]{0,63})="((?:[^"\\]|\\.)*)"/g;

/**
 * A logfmt line, known by its message or by having nothing but pairs (behind a quoted message), with the quoted values of all keys but those of messages made one that is
 * masked. Any other line is given back as it is.
 */
export function logfmtLine(line: string): string {
  if (!line.includes('="') || !(MESSAGE.test(line) || ALL_PAIRS.test(line) || MESSAGE_AND_PAIRS.test(line)))
    return line;
  return line.replace(QUOTED_PAIR, (pair, before: string, key: string, value: string) =>
    value === "" || MESSAGE_KEY.test(key) ? pair : `${before}${key}="7"`,
  );
}
