/** Single columns of SMD and ASD, judged by the intervals whose cause experts saw in that column. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dataDir, multivariate } from "./data.ts";

interface Interval {
  readonly columns_1based: readonly number[];
  readonly from: number;
  readonly to: number;
}
type Range = readonly [number, number];

export interface Column {
  readonly set: "smd" | "asd";
  readonly values: Float64Array;
  /** Rows round each interval's start and up to its end, a tenth of the series at most beside the intervals: as NAB's. */
  readonly windows: readonly Range[];
  /** Something happened to the machine that no expert saw in this column: alarms there are neither right nor wrong. */
  readonly unjudged: readonly Range[];
}

const COLUMNS = { smd: 3, asd: 5 } as const;
const MOST_INTERVALS = 12;
/** Rows before an interval of another column and after it that are not judged. */
const [BEFORE, AFTER] = [10, 80];

/** Three columns of each machine of SMD, five of ASD, evenly spread over those with one to twelve intervals. */
export function causeColumns(): Column[] {
  return (["smd", "asd"] as const).flatMap((set) => {
    const causes = JSON.parse(readFileSync(join(dataDir(), set, "causes.json"), "utf8")) as Record<string, Interval[]>;
    return multivariate(set).flatMap(({ test }) => {
      const machine = (test.path.split("/")[1] as string).replace(".test.csv", "");
      const all = causes[machine] ?? [];
      const named = test.columns
        .map((_, c) => ({
          c,
          own: all.filter((i) => i.columns_1based.includes(c + 1)).sort((a, b) => a.from - b.from),
        }))
        .filter(({ own }) => own.length > 0 && own.length <= MOST_INTERVALS);
      const n = Math.min(COLUMNS[set], named.length);
      return Array.from({ length: n }, (_, i) => {
        const { c, own } = named[Math.floor(((i + 0.5) * named.length) / n)] as (typeof named)[number];
        const rows = test.labels.length;
        const values = Float64Array.from(
          { length: rows },
          (_, r) => test.values[r * test.columns.length + c] as number,
        );
        const unjudged = all.filter((i) => !own.includes(i)).map((i) => [i.from - BEFORE, i.to + AFTER] as const);
        return { set, values, windows: windowsOf(own, rows), unjudged };
      });
    });
  });
}

function windowsOf(own: readonly Interval[], rows: number): Range[] {
  const half = Math.min(150, Math.floor(rows / 20 / own.length));
  const windows: [number, number][] = [];
  for (const { from, to } of own) {
    const [first, end] = [Math.max(0, from - half), Math.min(rows - 1, Math.max(to, from + half))];
    const last = windows.at(-1);
    if (last && first <= last[1]) last[1] = Math.max(last[1], end);
    else windows.push([first, end]);
  }
  return windows;
}
