/** What topics hold now, as sources. */
import type { Logger } from "pino";
import type { Config } from "../core/config.ts";
import type { Source } from "../core/source.ts";
import { formatName } from "../core/topic-config.ts";
import { kafkaTransport } from "./kafka-transport.ts";

/** One source a partition; closing all of them closes the connection. */
export async function kafkaSources(
  source: Extract<Config["sources"][number], { kind: "kafka" }>,
  log: Logger,
): Promise<Source[]> {
  const transport = await kafkaTransport(source);
  const { topicRange } = await import("../runtime/kafka/topic-range.ts");
  const topics = source.topics.map((t) => ({ name: t.name, format: formatName(t) }));
  try {
    return await topicRange({
      transport,
      topics,
      onOffsetLost: source.onOffsetLost,
      onWarning: (text) => log.warn(text),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}
