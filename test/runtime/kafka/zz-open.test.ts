import { Kafka, logLevel } from "kafkajs";
import { expect, it } from "vitest";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs-transport.ts";
import { startBroker } from "../../broker/broker.ts";
it("open transaction, and stop during restart", async () => {
  const b = await startBroker();
  const k = new Kafka({ brokers: [b.bootstrap], logLevel: logLevel.NOTHING });
  const a = k.admin(); await a.connect(); await a.createTopics({ topics: [{ topic: "o", numPartitions: 1 }] });
  const p = k.producer({ transactionalId: "o", idempotent: true, maxInFlightRequests: 1 }); await p.connect();
  const t = await p.transaction(); await t.send({ topic: "o", messages: [{ value: "1" }] });
  const tr = kafkajsTransport({ brokers: [b.bootstrap] });
  console.log("OPEN", await tr.offsets("o"));
  await t.commit();
  console.log("DONE", await tr.offsets("o"));
  await tr.close(); await p.disconnect(); await a.disconnect();
  const r = b.restart(500).catch(String);
  await b.stop("SIGKILL"); console.log(await r);
}, 60000);
