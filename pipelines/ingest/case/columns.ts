import { PipelineError } from "../../core/errors.ts";

/**
 * Where each column stands in a header; an optional one that is missing stands at -1.
 * @throws PipelineError DECODE_BAD_FIELD naming all that are missing
 */
export function columnsOf<T extends string>(
  header: readonly string[],
  columns: readonly T[],
  path: string,
  optional: readonly T[] = [],
): Record<T, number> {
  const names = header.map((n) => n.trim().toLowerCase());
  const missing = columns.filter((c) => !optional.includes(c) && !names.includes(c));
  if (missing.length > 0)
    throw new PipelineError("DECODE_BAD_FIELD", `${path}, record 1`, {
      detail: `no column ${missing.join(", ")}`,
      hint: `the first line names the columns: ${columns.join(",")}`,
    });
  return Object.fromEntries(columns.map((c) => [c, names.indexOf(c)])) as Record<T, number>;
}
