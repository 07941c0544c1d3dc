/** Commits as fast as it can; prints the number of every acknowledged one. All parts of commit n say n. */
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

const store = await openStore(process.argv[2]!);
let n = Number((await store.positions()).get("signals") ?? 0);
process.stdout.write("ready\n");
for (;;) {
  n += 1;
  const chunks = new Map(
    Array.from({ length: 10 }, (_, c) => [`c${c}`, new Uint8Array(10_000).fill(n % 251)] as const),
  );
  const outputs = [0, 1, 2].map((i) => ({ topic: "anomalies" as const, key: `${n}/${i}`, value: String(n) }));
  await store.commit({ positions: new Map([["signals", String(n)]]), state: new Map([["t", chunks]]), outputs });
  process.stdout.write(`${n}\n`);
}
