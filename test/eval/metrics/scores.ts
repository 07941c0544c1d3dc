import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A file that `score` wrote: its two columns. @throws Error where the number of rows is not that of the data */
export function readScores(root: string, path: string, rows: number): { score: Float64Array; alarm: Float64Array } {
  const [head, ...lines] = readFileSync(join(root, path), "utf8").trimEnd().split("\n");
  if (head !== "timestamp,score,alarm" || lines.length !== rows)
    throw new Error(`${path}: ${lines.length} rows of ${head}, not ${rows} of timestamp,score,alarm`);
  const cells = lines.map((line) => line.split(","));
  return {
    score: Float64Array.from(cells, (c) => Number(c.at(-2))),
    alarm: Float64Array.from(cells, (c) => Number(c.at(-1))),
  };
}
