/** Time of the incident list at a million incidents, beside that at a thousand: `npm run bench -- incidents [--incidents 1000000] [--json]`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { OutputRecord, Store } from "../../pipelines/core/store.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";
import { incidentOf } from "../report/fixture.ts";

const { values } = parseArgs({
  options: { incidents: { type: "string", default: "1000000" }, json: { type: "boolean", default: false } },
});
const n = Number(values.incidents);
if (!(Number.isInteger(n) && n >= 1000)) throw new RangeError("--incidents: a whole number from 1000");
const BATCH = 1000;
const PAGE = 100;
const OPEN_EVERY = 50_000;
const ROUNDS = 20;

const idOf = (i: number) => `INC-${String(i).padStart(8, "0")}`;
// Short ones: the time of a page is that of finding it, not of its length.
const { diagnosis: _, ...fixture } = incidentOf();
const small = { ...fixture, anomalies: [], timeline: [] };
const record = (i: number): OutputRecord => ({
  topic: "incidents",
  key: idOf(i),
  value: JSON.stringify({ ...small, id: idOf(i), state: i % OPEN_EVERY === 7 ? "open" : "resolved" }),
});
const action = (i: number): OutputRecord => ({
  topic: "actions",
  key: `PLAN-${i}`,
  value: JSON.stringify({ plan: { id: `PLAN-${i}`, incidentId: idOf(i) }, state: "verified" }),
});
const commit = (store: Store, outputs: OutputRecord[]) =>
  store.commit({ positions: new Map(), state: new Map(), outputs });

type Row = { readonly rows: number; readonly medianMs: number; readonly slowestMs: number };
async function timed(work: (round: number) => Promise<unknown[] | undefined>): Promise<Row> {
  const ms: number[] = [];
  let rows = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const at = performance.now();
    rows = (await work(i))?.length ?? 0;
    ms.push(performance.now() - at);
  }
  ms.sort((a, b) => a - b);
  return { rows, medianMs: ms[ROUNDS / 2]!, slowestMs: ms[ROUNDS - 1]! };
}
async function all(store: Store, of: number): Promise<Record<string, Row>> {
  const last = (await store.latest("incidents", { limit: 1 }))[0]!.seq;
  const out = {
    "first page": await timed(() => store.latest("incidents", { limit: PAGE })),
    "middle page": await timed(() => store.latest("incidents", { limit: PAGE, beforeSeq: Math.floor(last / 2) })),
    "last page": await timed(() => store.latest("incidents", { limit: PAGE, beforeSeq: PAGE + 1 })),
    "open ones": await timed(() => store.latest("incidents", { limit: PAGE, open: true })),
    "show one": await timed((i) => store.latest("incidents", { key: idOf(Math.floor((of * i) / ROUNDS)) })),
    "its repairs": await timed((i) =>
      store.latest("actions", { incidentId: idOf(Math.floor(of / 2000) * 1000), limit: i + 1 }),
    ),
    "write one (ack)": await timed(async (i) => {
      await commit(store, [record(Math.floor((of * i) / ROUNDS))]);
      return undefined;
    }),
  };
  return out;
}

const dir = mkdtempSync(join(tmpdir(), "faultwright-pages-"));
const store = await openStore(dir);
try {
  const started = performance.now();
  let few: Record<string, Row> = {};
  for (let from = 0; from < n; from += BATCH) {
    const outputs = Array.from({ length: Math.min(BATCH, n - from) }, (_, i) => record(from + i));
    await commit(store, [...outputs, action(from)]);
    if (from === 0) few = await all(store, BATCH);
    if ((from / BATCH) % 100 === 0) process.stderr.write(`${from + BATCH} stored\n`);
  }
  const seconds = (performance.now() - started) / 1000;
  const many = await all(store, n);
  if (values.json) process.stdout.write(`${JSON.stringify({ incidents: n, storedInSec: seconds, few, many })}\n`);
  else {
    process.stdout.write(`${n} incidents stored in ${seconds.toFixed(0)} s; median (slowest) of ${ROUNDS}, ms\n`);
    for (const [name, row] of Object.entries(many)) {
      const at = (r: Row) => `${r.medianMs.toFixed(1)} (${r.slowestMs.toFixed(1)})`;
      process.stdout.write(
        `${name.padEnd(16)} ${String(row.rows).padStart(4)} rows  at ${BATCH}: ${at(few[name]!)}  at ${n}: ${at(row)}\n`,
      );
    }
  }
} finally {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
}
