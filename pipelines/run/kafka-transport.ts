import type { KafkaConnection } from "../core/kafka-config.ts";
import type { Transport } from "../runtime/kafka/transport.ts";

/** The client of a cluster. Loaded late: who has no Kafka does not pay for it. */
export async function kafkaTransport(connection: KafkaConnection): Promise<Transport> {
  const { kafkajsTransport } = await import("../runtime/kafka/kafkajs/transport.ts");
  return kafkajsTransport(connection);
}
