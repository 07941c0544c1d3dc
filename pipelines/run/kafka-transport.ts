import type { Config } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import type { Transport } from "../runtime/kafka/transport.ts";

export type KafkaConnection = Pick<Extract<Config["sources"][number], { kind: "kafka" }>, "brokers" | "ssl" | "sasl">;

/** The client of a source's cluster. Loaded late: who has no Kafka does not pay for it. */
export async function kafkaTransport({ brokers, ssl, sasl }: KafkaConnection): Promise<Transport> {
  const { kafkajsTransport } = await import("../runtime/kafka/kafkajs-transport.ts");
  const password = sasl && process.env[sasl.passwordEnv];
  if (sasl && password === undefined)
    throw new PipelineError("CONFIG_INVALID", "sasl.passwordEnv", { detail: `${sasl.passwordEnv} is not set` });
  return kafkajsTransport({
    brokers,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl ? { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: password as string } } : {}),
  });
}
