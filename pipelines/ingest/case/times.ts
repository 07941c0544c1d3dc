/** Times of recorded files, which come in whatever unit their writer liked. */

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;
/** Smallest value that can only be milliseconds, microseconds, nanoseconds: 5138-11-16 in seconds, and so on. */
const MS = 1e11;
const US = 1e14;
const NS = 1e17;

/** Milliseconds since 1970 of a number in seconds, ms, us or ns, or of an ISO 8601 time (UTC if it names no zone); NaN if neither. */
export function timeMsOf(cell: string | undefined): number {
  if (cell === undefined || cell.trim() === "") return Number.NaN;
  if (NUMBER.test(cell)) {
    const v = Number(cell);
    const a = Math.abs(v);
    return a < MS ? v * 1000 : a < US ? v : a < NS ? v / 1000 : v / 1e6;
  }
  const text = cell.trim().replace(" ", "T");
  return Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
}

/** A finite number of sane size, else NaN: a gap. */
export function numberOf(cell: string | undefined): number {
  const v = Number(cell);
  // An empty or blank cell reads as 0.
  if (v === 0 && (cell as string).trim() === "") return Number.NaN;
  return Math.abs(v) < 1e100 ? v : Number.NaN;
}
