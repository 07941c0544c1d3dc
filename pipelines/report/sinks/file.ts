import { open } from "node:fs/promises";
import type { Outgoing, Sink } from "./sink.ts";

/** How far back a line is looked for that may have been written before a crash. */
const TAIL_BYTES = 1024 * 1024;

/** Adds `{"key", "notification"}` lines; synced before it counts as sent. A repeat is looked for in the file's end. */
export async function file({ path }: { path: string }): Promise<Sink<Outgoing>> {
  const handle = await open(path, "a+", 0o600);
  const tail = async () => {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await handle.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8");
  };
  return {
    name: "file",
    async write(batch) {
      const before = batch.some((o) => o.repeated) ? await tail() : "";
      const fresh = batch.filter((o) => !o.repeated || !before.includes(`{"key":${JSON.stringify(o.key)},`));
      // A line that a crash cut off is ended, so that ours begins on its own.
      const cut = before !== "" && !before.endsWith("\n") ? "\n" : "";
      const lines = fresh.map((o) => `${JSON.stringify({ key: o.key, notification: o.notification })}\n`);
      if (lines.length === 0) return;
      await handle.appendFile(cut + lines.join(""));
      await handle.datasync();
    },
    close: () => handle.close(),
  };
}
