/** The output topics in a local store: what the API, the reports and the executor of a worker read. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Topic } from "../../core/records.ts";
import type { OutputRecord, Store } from "../../core/store.ts";
import type { Transport } from "../../runtime/kafka/transport.ts";
import { backoff } from "../../tolerance/backoff.ts";
import { recordJson } from "./cloud-event.ts";
import { type Names, OUTPUTS } from "./topics.ts";

const READ_BYTES = 1024 * 1024;
const WAIT_MS = 250;

export interface View {
  /** Resolves once the store has what the topics held at the call. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Follows the outputs from where the store left them; positions and records are committed together, so a record is
 * there once. Any number of workers may have one: it is a copy, and is built anew where its directory is lost.
 */
export async function followOutputs(options: {
  readonly transport: Transport;
  readonly names: Names;
  readonly store: Store;
  readonly log: Logger;
  /** After the commit, in the order of each partition. */
  readonly onStored: (records: readonly OutputRecord[]) => Promise<void> | void;
}): Promise<View> {
  const { transport, names, store, log, onStored } = options;
  const stored = await store.positions();
  const parts: { topic: Topic; partition: number; at: bigint /** In the store. */; kept: bigint }[] = [];
  for (const topic of OUTPUTS)
    for (const [partition, { low }] of await transport.offsets(names.output(topic))) {
      const at = stored.get(`${topic}/${partition}`);
      const from = at === undefined ? low : BigInt(at);
      parts.push({ topic, partition, at: from, kept: from });
    }
  const reader = await transport.reader(OUTPUTS.map((t) => names.output(t)));
  let stopping = false;

  const turn = async () => {
    const positions = new Map<string, string>();
    const outputs: OutputRecord[] = [];
    await Promise.all(
      parts.map(async (part) => {
        const { topic, partition, at } = part;
        const { records, nextOffset } = await reader.take(names.output(topic), partition, at, READ_BYTES, WAIT_MS);
        for (const { key, value, headers } of records)
          if (value !== null)
            outputs.push({
              topic,
              key: Buffer.from(key ?? []).toString("utf8"),
              value: recordJson({ value, headers }),
            });
        if (nextOffset > at) positions.set(`${topic}/${partition}`, String(nextOffset));
        part.at = nextOffset;
      }),
    );
    if (positions.size === 0) return;
    await store.commit({ positions, state: new Map(), outputs });
    for (const part of parts) part.kept = part.at;
    await onStored(outputs);
  };

  const again = backoff({ firstMs: 500, longestMs: 5000 });
  const loop = (async () => {
    while (!stopping) {
      const before = parts.map((p) => p.at);
      try {
        await turn();
        again.reset();
      } catch (error) {
        // What was read and not stored is read again.
        parts.forEach((p, i) => {
          p.at = before[i] as bigint;
        });
        log.warn({ err: (error as Error).message }, "outputs not read, trying again");
        await sleep(again.next());
      }
    }
  })();
  return {
    async caughtUp() {
      const until = new Map<string, bigint>();
      for (const topic of OUTPUTS)
        for (const [partition, { high }] of await transport.offsets(names.output(topic)))
          until.set(`${topic}/${partition}`, high);
      const behind = () => parts.some((p) => p.kept < (until.get(`${p.topic}/${p.partition}`) ?? 0n));
      while (behind() && !stopping) await sleep(WAIT_MS / 5);
    },
    async stop() {
      stopping = true;
      await loop;
      await reader.close();
    },
  };
}
