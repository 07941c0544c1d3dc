import type { DeadLetter } from "../../core/records.ts";
import type { Transport } from "../../runtime/kafka/transport.ts";
import type { Door } from "../dead-letters.ts";
import { HEADERS, shareText } from "./route.ts";

/** Of records produced at once, bytes. */
const BATCH_BYTES = 512 * 1024;

/**
 * What was routed goes back behind the routing, to the same task and with the same share, so that no other task sees its
 * rows again; the rest to the topic and partition that it was read from. Format and arrival time stay.
 */
export function kafkaDoor(options: {
  readonly transport: Pick<Transport, "produce">;
  /** What `route` has sorted; undefined where nothing is routed. */
  readonly signals: string | undefined;
  /** Tasks of the features stage. */
  readonly parts: number;
  /** Topics that the pipeline reads. */
  readonly inputs: readonly string[];
}): Door {
  const { transport, signals, parts, inputs } = options;
  const target = ({ source, position, part, share, format }: DeadLetter) => {
    const headers: Record<string, string> = { [HEADERS.format]: format };
    if (part !== null) {
      const origin = { [HEADERS.origin]: source, [HEADERS.position]: position };
      const own: Record<string, string> = share ? { [HEADERS.share]: shareText(share) } : {};
      return { topic: signals, partition: part, headers: { ...headers, ...origin, ...own } };
    }
    const at = source.lastIndexOf("/");
    return { topic: source.slice(0, at), partition: Number(source.slice(at + 1)), headers };
  };
  return {
    busy: () => false,
    refuses(letter) {
      const { topic, partition } = target(letter);
      if (letter.part !== null && (topic === undefined || partition >= parts))
        return "the pipeline is no longer divided as it was when the record came";
      if (letter.part === null && !inputs.includes(topic as string))
        return `this pipeline does not read ${letter.source}`;
      return undefined;
    },
    async send(letters, done) {
      type Waiting = { record: Parameters<Transport["produce"]>[1][number]; letter: DeadLetter };
      let [batch, bytes, to]: [Waiting[], number, string] = [[], 0, ""];
      const flush = async () => {
        if (batch.length > 0)
          await transport.produce(
            to,
            batch.map((b) => b.record),
          );
        for (const { letter } of batch) done(letter);
        [batch, bytes] = [[], 0];
      };
      for (const letter of letters) {
        const { topic, partition, headers } = target(letter);
        const value = Buffer.from(letter.payload, "base64");
        if (topic !== to || bytes + value.length > BATCH_BYTES) await flush();
        to = topic as string;
        batch.push({ record: { value, partition, headers, timestampMs: letter.ingestTimeMs }, letter });
        bytes += value.length;
      }
      await flush();
    },
  };
}
