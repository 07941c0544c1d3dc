/** The development data on disk, never committed. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sessionRows } from "../../../pipelines/ingest/logs/session-file.ts";

/** Where the data is; undefined when it is not on this machine. */
export function dataDir(): string | undefined {
  const root = process.env.FAULTWRIGHT_DATA ?? join(import.meta.dirname, "../../../../shared/data");
  const dir = join(root, "logs");
  return existsSync(dir) ? dir : undefined;
}

export interface ParsedSystem {
  readonly name: string;
  readonly contents: readonly string[];
  readonly templates: readonly string[];
}

/** The systems with corrected templates. */
export function systems(dir: string): ParsedSystem[] {
  const files = readdirSync(join(dir, "parsing")).filter((f) => f.endsWith(".csv"));
  return files.map((file) => {
    const [header = [], ...rows] = csv(readFileSync(join(dir, "parsing", file), "utf8"));
    const column = (name: string) => rows.map((r) => r[header.indexOf(name)] as string);
    return { name: file.slice(0, -4), contents: column("Content"), templates: column("Template") };
  });
}

/** RFC 4180, whole in memory. */
function csv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    if (row.length > 1) rows.push(row);
    row = [];
  }
  return rows;
}

export interface LabelledSession {
  readonly events: readonly string[];
  readonly label: number;
}

/** Sessions of a set by their split. */
export async function sessionSet(
  dir: string,
  name: string,
): Promise<{ train: LabelledSession[]; test: LabelledSession[] }> {
  const path = join(dir, "sessions", `${name}.csv.gz`);
  const { gunzipSync } = await import("node:zlib");
  const splits = gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",")[1]);
  const sets = { train: [] as LabelledSession[], test: [] as LabelledSession[] };
  let i = 0;
  for await (const rows of sessionRows(path))
    for (const { events, label } of rows)
      sets[splits[i++] === "train" ? "train" : "test"].push({ events, label: label ?? 0 });
  return sets;
}
