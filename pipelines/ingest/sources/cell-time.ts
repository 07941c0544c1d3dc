/** Plain date and time without a zone, as most files have it: taken as UTC. */
const PLAIN = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?$/;
const NUMBER = /^\d+(\.\d+)?$/;

/**
 * Time of a cell in ms since 1970, NaN for what is none. ISO 8601; without a zone it is UTC. Numbers are seconds, ms, us or
 * ns by their size; one below 1e8 counts rows or seconds from a start of its own and tells no time of day.
 */
export function cellTimeMs(text: string): number {
  const cell = text.trim();
  const plain = PLAIN.exec(cell);
  if (plain) {
    const [, y, mo, d, h = "0", mi = "0", s = "0", f = ""] = plain;
    const ms = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
    return ms + (f === "" ? 0 : Math.floor(Number(`0.${f}`) * 1000));
  }
  if (NUMBER.test(cell)) {
    const n = Number(cell);
    if (n < 1e8) return Number.NaN;
    if (n < 1e11) return n * 1000;
    if (n < 1e14) return n;
    return n < 1e17 ? n / 1000 : n / 1e6;
  }
  return /^\d{4}-\d{2}-\d{2}T?/.test(cell) ? Date.parse(cell) : Number.NaN;
}
