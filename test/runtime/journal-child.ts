/** Appends as fast as it can, ten at a time; prints the number of every acknowledged record. */
import { openJournal } from "../../pipelines/runtime/embedded/journal.ts";

const journal = await openJournal({ dir: process.argv[2]!, segmentBytes: 50_000 });
process.stdout.write("ready\n");
let n = Number(process.argv[3]);
for (;;) {
  const batch = Array.from({ length: 10 }, () => {
    n += 1;
    const own = n;
    const value = Buffer.alloc(200 + (own % 800), own % 251);
    value.writeUInt32LE(own);
    return journal.append({ format: "test", value }).then(() => own);
  });
  const done = await Promise.all(batch);
  process.stdout.write(`${done.at(-1)}\n`);
}
