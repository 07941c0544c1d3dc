const NONE: Readonly<Record<string, string>> = {};

/** The last value of a header that comes several times. */
export function headersOf(headers: object | undefined): Readonly<Record<string, string>> {
  if (headers === undefined) return NONE;
  const out: Record<string, string> = {};
  for (const [k, v] of Object.entries(headers)) {
    const last = Array.isArray(v) ? v.at(-1) : v;
    if (last !== undefined) out[k] = String(last);
  }
  return out;
}
