/** Which of the known incidents are of which history. */
import { basename } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import { type EntityHistory, firstAt, type KnownIncident, labelsOf, slice } from "../../core/history.ts";

export const TABLE = /\.(csv|jsonl|ndjson|parquet)(\.gz)?$/i;

/** `a/x.train.csv.gz` is `a/x`: a train and a test file are of one entity. */
export const entityOf = (name: string): string =>
  name
    .replaceAll("\\", "/")
    .replace(TABLE, "")
    .replace(/\.(train|test)$/, "");

/** Those of this entity or of all that hold one of its rows. */
export function incidentsOf(h: EntityHistory, incidents: readonly KnownIncident[]): KnownIncident[] {
  const [first, last] = [h.at[0] ?? 0, h.at.at(-1) ?? 0];
  return incidents.filter(
    (i) =>
      (i.entity === "" || entityOf(i.entity) === h.entity || entityOf(i.entity) === basename(h.entity)) &&
      i.start <= last &&
      i.end > first &&
      // an interval between two rows is of no row
      labelsOf({ ...h, incidents: [i] }).includes(1),
  );
}

/** Says how many are of no row. @throws PipelineError INPUT_INVALID where none is of any */
export function checkMatched(
  all: readonly EntityHistory[],
  incidents: readonly KnownIncident[],
  where: string,
  say: (note: string) => void,
): void {
  const unmatched = incidents.filter((i) => !all.some((h) => h.incidents.includes(i)));
  if (unmatched.length === 0) return;
  if (unmatched.length === incidents.length) {
    const first = all[0]!;
    const names = all.slice(0, 3).map((h) => h.entity);
    throw new PipelineError("INPUT_INVALID", where, {
      detail: `none of the ${incidents.length} incidents is of these rows (entities ${names.join(", ")}; ${first.entity} from ${placeText(first, 0)} to ${placeText(first, first.at.length - 1)})`,
      hint: "check the incidents' entity and times; times without a zone are UTC, numbers below 1e8 row numbers",
    });
  }
  say(
    `${unmatched.length} of ${incidents.length} incidents are of no row and do not count (first: ${unmatched[0]!.entity || "any entity"} at ${unmatched[0]!.start})`,
  );
}

const placeText = (h: EntityHistory, row: number): string =>
  h.axis === "time" ? new Date(h.at[row]!).toISOString() : `row ${h.at[row]}`;

/** Of event time, ms: from included, to not. */
export interface TimeRange {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Rows within the range; those without times stay. Entities without a row in it are left out. */
export function within(all: readonly EntityHistory[], { fromMs, toMs }: TimeRange): EntityHistory[] {
  if (fromMs === undefined && toMs === undefined) return [...all];
  return all
    .map((h) =>
      h.axis === "row"
        ? h
        : slice(
            h,
            fromMs === undefined ? 0 : firstAt(h.at, fromMs),
            toMs === undefined ? h.at.length : firstAt(h.at, toMs),
          ),
    )
    .filter((h) => h.at.length > 0);
}
