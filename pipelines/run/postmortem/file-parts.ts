/** Files of a long range as sources: one that begins later is not opened before time has come to it. */
import type { Source } from "../../core/source.ts";
import { type InputFile, sourceOf } from "./inputs.ts";

const MARKED = "marked";

/**
 * The source of a file. Where it begins later than the others (`markMs`), its first record is a mark of that time: daily
 * files are then read one after the other, and thousands of them hold no more than those of one day. `arrivedMs`: rows
 * arrived at this time at the earliest, so that a file whose own time is older than its rows can still be read.
 */
export function filePart(
  { path, format }: Pick<InputFile, "path" | "format">,
  { markMs, arrivedMs }: { markMs: number | null; arrivedMs: number },
): Source {
  const inner = sourceOf({ path, format });
  const innerPosition = (position: string | undefined) => (position === MARKED ? undefined : position);
  return {
    name: inner.name,
    async read(position, maxBytes) {
      if (position === undefined && markMs !== null) {
        const value = Buffer.from(JSON.stringify({ kind: "mark", timeMs: markMs, silent: false }));
        return [{ source: inner.name, position: MARKED, ingestTimeMs: arrivedMs, format: "control", value }];
      }
      const records = await inner.read(innerPosition(position), maxBytes);
      return records.map((r) => (r.ingestTimeMs >= arrivedMs ? r : { ...r, ingestTimeMs: arrivedMs }));
    },
    async finished(position) {
      if (position === undefined && markMs !== null) return false;
      const done = await inner.finished(innerPosition(position));
      // It opens again when it is asked again: thousands of files must not stay open.
      if (done) await inner.close();
      return done;
    },
    close: () => inner.close(),
  };
}
