/** The audit of all workers: one partition, whose order decides who acts. Each worker keeps a chained copy in its store. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { PipelineError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import type { Claims } from "../../recover/lease.ts";
import type { Transport } from "../../runtime/kafka/transport.ts";

type Entry = Parameters<Store["audit"]>[number];
const READ_BYTES = 1024 * 1024;
const WAIT_MS = 100;
const RETRY_MS = 500;
const SOURCE = "audit/0";

export interface SharedAudit extends Pick<Store, "audit" | "auditTrail"> {
  readonly claims: Claims;
  stop(): Promise<void>;
}

/**
 * `audit` settles once all in-sync replicas have the entries and this worker has read up to them; `auditTrail` first reads
 * up to what was there when it was asked. So what an actor reads after it wrote holds all that was written before it.
 * Renewals of leases travel in the same topic and are kept nowhere.
 */
export async function sharedAudit(options: {
  readonly transport: Pick<Transport, "offsets" | "produce" | "reader">;
  readonly topic: string;
  readonly store: Pick<Store, "positions" | "commit" | "auditTrail">;
  readonly log: Logger;
  readonly leaseMs: number;
  /** How long a write or a read may take. */
  readonly limitMs?: number;
}): Promise<SharedAudit> {
  const { transport, topic, store, log, leaseMs, limitMs = 30_000 } = options;
  const startMs = performance.now();
  const heardMs = new Map<string, number>();
  const ends = async () => (await transport.offsets(topic)).get(0) ?? { low: 0n, high: 0n };
  let at = BigInt((await store.positions()).get(SOURCE) ?? (await ends()).low);
  const reader = await transport.reader([topic]);
  let stopping = false;

  const hear = ({ detail }: Entry) => {
    const said = JSON.parse(detail) as { token?: string; by?: string; holder?: string };
    for (const who of [said.by, said.holder, said.token]) if (who !== undefined) heardMs.set(who, performance.now());
  };
  const turn = async () => {
    const { records, nextOffset } = await reader.take(topic, 0, at, READ_BYTES, WAIT_MS);
    if (nextOffset === at) return;
    const entries: Entry[] = [];
    for (const { value, headers, offset } of records) {
      if (value === null || offset < at) continue;
      const entry = JSON.parse(Buffer.from(value).toString("utf8")) as Entry;
      if (HEARD.has(entry.event)) hear(entry);
      if (headers.kind !== "renewal") entries.push(entry);
    }
    await store.commit({
      positions: new Map([[SOURCE, String(nextOffset)]]),
      state: new Map(),
      outputs: [],
      audit: entries,
    });
    at = nextOffset;
  };
  const loop = (async () => {
    while (!stopping)
      await turn().catch(async (error) => {
        log.warn({ err: (error as Error).message }, "audit not read, trying again");
        await sleep(RETRY_MS);
      });
  })();
  const caughtUp = async () => {
    const { high } = await ends();
    for (const endMs = performance.now() + limitMs; at < high; await sleep(5))
      if (performance.now() > endMs || stopping)
        throw new PipelineError("STORE_FAILED", topic, { detail: "the audit was not read in time", retriable: true });
  };
  const append = (entries: readonly Entry[], headers?: Record<string, string>) =>
    transport.produce(
      topic,
      entries.map((entry) => ({
        value: Buffer.from(JSON.stringify(entry)),
        partition: 0,
        ...(headers ? { headers } : {}),
      })),
    );
  return {
    async audit(...entries) {
      await append(entries);
      await caughtUp();
    },
    async auditTrail(asked) {
      await caughtUp();
      return store.auditTrail(asked);
    },
    claims: {
      leaseMs,
      renew: (holder) =>
        append([{ planId: "", timeMs: 0, event: "renewal", detail: JSON.stringify({ holder }) }], { kind: "renewal" }),
      silentMs: (holder) => performance.now() - (heardMs.get(holder) ?? startMs),
    },
    async stop() {
      stopping = true;
      await loop;
      await reader.close();
    },
  };
}

/** What only the holder of an act writes. */
const HEARD = new Set(["intent", "step", "taken", "renewal"]);
