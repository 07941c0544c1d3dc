/** The development series in `../shared/data/metrics` (or `$FAULTWRIGHT_DATA/metrics`). */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";

export interface Labelled {
  /** Path below the folder, without `.gz`. */
  readonly path: string;
  readonly set: string;
  /** The folder of the file. */
  readonly category: string;
  readonly timestamps: readonly string[];
  readonly columns: readonly string[];
  /** Row-major [rows, columns]. */
  readonly values: Float64Array;
  readonly labels: Uint8Array;
  /** NAB windows, [first, last] inclusive. */
  readonly windows: readonly (readonly [number, number])[];
}

export const dataDir = (): string =>
  resolve(process.env.FAULTWRIGHT_DATA ?? join(import.meta.dirname, "../../../../shared/data"), "metrics");

export const hasData = (): boolean => existsSync(join(dataDir(), "nab"));

/** A file as `score` reads it, with its labels. */
export function readLabelled(root: string, path: string): Labelled {
  const text = gunzipSync(readFileSync(join(root, `${path}.gz`))).toString("utf8");
  const [head, ...lines] = text.trimEnd().split(/\r?\n/);
  const names = (head as string).split(",");
  const columns = names.filter((n) => n !== "timestamp" && n !== "label");
  const at = columns.map((n) => names.indexOf(n));
  const [time, label] = [names.indexOf("timestamp"), names.indexOf("label")];
  const values = new Float64Array(lines.length * columns.length);
  const labels = new Uint8Array(lines.length);
  const timestamps = lines.map((line, r) => {
    const cells = line.split(",");
    at.forEach((c, k) => {
      values[r * at.length + k] = cells[c] === "" ? Number.NaN : Number(cells[c]);
    });
    labels[r] = label < 0 ? 0 : Number(cells[label]);
    return cells[time] as string;
  });
  const [set = "", category = ""] = path.split("/");
  return { path, set, category, timestamps, columns, values, labels, windows: [] };
}

/** Every file below that ends so, paths without `.gz`, in order. */
export function filesBelow(root: string, end: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((f) => f.endsWith(`${end}.gz`))
    .map((f) => f.slice(0, -3))
    .sort();
}

export function nabSeries(root = dataDir()): Labelled[] {
  const windows = JSON.parse(readFileSync(join(root, "nab/windows.json"), "utf8")) as Record<
    string,
    [number, number][]
  >;
  return filesBelow(join(root, "nab"), ".csv").map((file) => ({
    ...readLabelled(root, `nab/${file}`),
    windows: windows[file.slice(0, -4)] ?? [],
  }));
}

/** Test files of a set, each with its train rows (no labels). */
export function multivariate(set: "smd" | "asd", root = dataDir()): { test: Labelled; train: Labelled }[] {
  return filesBelow(join(root, set), ".test.csv").map((file) => ({
    test: readLabelled(root, `${set}/${file}`),
    train: readLabelled(root, `${set}/${file.replace(".test.", ".train.")}`),
  }));
}
