import { open } from "node:fs/promises";
import type { OutputRecord } from "../../core/store.ts";
import type { Sink } from "./sink.ts";

/** Appends each record as `{"topic","key","value"}`, a line each. */
export async function jsonl({ path }: { path: string }): Promise<Sink<OutputRecord>> {
  const file = await open(path, "a");
  return {
    name: "jsonl",
    async write(batch) {
      const lines = batch.map(
        (r) => `{"topic":${JSON.stringify(r.topic)},"key":${JSON.stringify(r.key)},"value":${r.value}}\n`,
      );
      await file.appendFile(lines.join(""));
      await file.datasync();
    },
    close: () => file.close(),
  };
}
