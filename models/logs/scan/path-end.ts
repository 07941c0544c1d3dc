import { FLAGS, PATH_STOP } from "./codes.ts";

const isTrailing = (c: number): boolean => c === 46 || c === 44 || c === 58 || c === 59 || c === 63 || c === 33;

/**
 * Index behind a path or URL that starts at `start`: it runs to white space, a quote, `<`, `>`, `|` or a closing bracket
 * that it didn't open; a trailing `. , : ; ? !` belongs to the sentence. `source` ends with white space. O(length).
 */
export function pathEnd(source: Uint16Array, start: number): number {
  let round = 0;
  let square = 0;
  let curly = 0;
  let end = start;
  for (; ; end++) {
    const c = source[end]!;
    if ((FLAGS[c]! & PATH_STOP) !== 0) break;
    if (c === 40) round++;
    else if (c === 91) square++;
    else if (c === 123) curly++;
    else if (c === 41 && --round < 0) break;
    else if (c === 93 && --square < 0) break;
    else if (c === 125 && --curly < 0) break;
  }
  while (end > start && isTrailing(source[end - 1]!)) end--;
  return end;
}
