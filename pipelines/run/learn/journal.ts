import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Journal, Trial } from "../../learn/train/search.ts";

/**
 * Trials as far as they were made, a JSON line for each step, the last of a trial counts: so that a search that was killed
 * goes on. A line cut short is passed over.
 */
export async function trialJournal(path: string): Promise<Journal> {
  const known = new Map<string, Trial>();
  let torn = false;
  try {
    const text = await readFile(path, "utf8");
    torn = text !== "" && !text.endsWith("\n");
    for (const line of text.split("\n")) {
      try {
        const trial = JSON.parse(line) as Trial;
        if (typeof trial.id === "string" && Array.isArray(trial.units)) known.set(trial.id, trial);
      } catch {
        // half a line: the process was killed while it wrote
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await mkdir(dirname(path), { recursive: true });
  return {
    get: (id) => known.get(id),
    async put(trial) {
      if ((known.get(trial.id)?.units.length ?? -1) >= trial.units.length) return;
      known.set(trial.id, trial);
      await appendFile(path, `${torn ? "\n" : ""}${JSON.stringify(trial)}\n`);
      torn = false;
    },
  };
}
