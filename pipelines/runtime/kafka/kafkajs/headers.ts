const NONE: Readonly<Record<string, string>> = {};

/** The last value of a header that comes several times. */
export function headersOf(headers: object | undefined): Readonly<Record<string, string>> {
  if (headers === undefined) return NONE;
  let out: Record<string, string> | undefined;
  for (const k in headers) {
    const v = (headers as Record<string, unknown>)[k];
    const last = Array.isArray(v) ? v.at(-1) : v;
    if (last === undefined) continue;
    out ??= {};
    out[k] = String(last);
  }
  return out ?? NONE;
}
