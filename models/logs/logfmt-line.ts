import { MESSAGE_KEY } from "./json-line.ts";

const MESSAGE = /(?:^| )(?:msg|message|event)="/;
/** A pair with a quoted value, in which `\\` escapes. */
const QUOTED_PAIR = /(^| )([A-Za-z_][\w.-]{0,63})="((?:[^"\\]|\\.)*)"/g;

/**
 * A logfmt line, known by its quoted message, with the quoted values of all keys but those of messages made one that is
 * masked. Any other line is given back as it is.
 */
export function logfmtLine(line: string): string {
  if (!line.includes('="') || !MESSAGE.test(line)) return line;
  return line.replace(QUOTED_PAIR, (pair, before: string, key: string, value: string) =>
    value === "" || MESSAGE_KEY.test(key) ? pair : `${before}${key}="7"`,
  );
}
