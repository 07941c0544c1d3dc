import { isSpace } from "./characters.ts";

const OPENERS: Readonly<Record<number, number>> = { 41: 40, 93: 91, 125: 123 };

/**
 * Index behind a path or URL that starts at `start`: it runs to white space, a quote, `<`, `>`, `|` or a closing bracket
 * that it didn't open; a trailing `. , : ; ? !` belongs to the sentence. O(length).
 */
export function pathEnd(line: string, start: number): number {
  const depth = { 41: 0, 93: 0, 125: 0 } as Record<number, number>;
  let end = start;
  for (; end < line.length; end++) {
    const c = line.charCodeAt(end);
    if (isSpace(c) || c === 34 || c === 39 || c === 60 || c === 62 || c === 124) break;
    if (c === 40) depth[41]!++;
    else if (c === 91) depth[93]!++;
    else if (c === 123) depth[125]!++;
    else if (OPENERS[c] !== undefined && --depth[c]! < 0) break;
  }
  while (end > start && ".,:;?!".includes(line[end - 1] as string)) end--;
  return end;
}
