import { LineScan } from "./scan/line-scan.ts";

const scan = new LineScan();

/**
 * The white-space pieces of a line with what varies by its looks replaced by `<*>`: numbers with units, hex, ids, paths,
 * URLs, times, addresses, values of `key=value`. O(length), no backtracking beyond a word. Input: one line without its
 * line end, of any characters.
 */
export function maskLine(line: string): string[] {
  scan.scan(line);
  return scan.pieces();
}
