/** The recorded incidents under neutral names: a diagnosis must not be able to read its answer. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Truth } from "./measure.ts";

export const DATA = resolve(
  process.env.FAULTWRIGHT_DATA ?? join(import.meta.dirname, "../../../../shared/data"),
  "rca",
);

export interface Recorded {
  readonly truth: Truth;
  /** Folder with links to the data files only. */
  readonly dir: string;
}

const FILES = /^(metrics\.csv|traces\.csv|logs\.csv|topology\.json)(\.gz)?$/;

/** Runs `work` on every case; the folders are gone afterwards. */
export async function withCases<T>(only: string, work: (cases: readonly Recorded[]) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "faultwright-rca-"));
  try {
    const ids = readdirSync(join(DATA, "cases"))
      .filter((id) => id.startsWith(only))
      .sort();
    const cases = ids.map((id, i) => {
      const from = join(DATA, "cases", id);
      const dir = join(home, `case-${String(i).padStart(3, "0")}`);
      mkdirSync(dir);
      for (const f of readdirSync(from)) if (FILES.test(f)) symlinkSync(join(from, f), join(dir, f));
      return { truth: JSON.parse(readFileSync(join(from, "case.json"), "utf8")) as Truth, dir };
    });
    return await work(cases);
  } finally {
    rmSync(home, { recursive: true });
  }
}
