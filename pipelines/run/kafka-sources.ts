/** What topics hold now, as sources. */
import type { KafkaConnection } from "../core/kafka-config.ts";
import type { Source } from "../core/source.ts";
import { formatName, type TopicConfig } from "../core/topic-config.ts";
import type { TopicRangeOptions } from "../runtime/kafka/topic-range.ts";
import { kafkaTransport } from "./kafka-transport.ts";

/** Records that arrived then, or of these offsets, only. */
export type TopicPart = Pick<TopicRangeOptions, "arrived" | "offsets">;

/** One source a partition; closing all of them closes the connection. */
export async function kafkaSources(
  about: KafkaConnection & { readonly topics: readonly TopicConfig[]; readonly onOffsetLost: "fail" | "earliest" },
  { arrived, offsets, onWarning }: TopicPart & { readonly onWarning: (text: string) => void },
): Promise<Source[]> {
  const transport = await kafkaTransport(about);
  const { topicRange } = await import("../runtime/kafka/topic-range.ts");
  const topics = about.topics.map((t) => ({ name: t.name, format: formatName(t) }));
  try {
    return await topicRange({
      transport,
      topics,
      onOffsetLost: about.onOffsetLost,
      onWarning,
      ...(arrived ? { arrived } : {}),
      ...(offsets ? { offsets } : {}),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}
