/** One process of a group over the counting stage, for others to kill and pause. `BROKERS INPUT OUTPUT CHANGELOG GROUP` */
import { systemClock } from "../../../pipelines/core/clock.ts";
import { startGroup } from "../../../pipelines/runtime/kafka/group.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { countingStage } from "./counting-stage.ts";

const [brokers, input, output, changelog, groupId] = process.argv.slice(2) as [string, string, string, string, string];
const connection = { brokers: brokers.split(","), compression: "lz4" as const };
const transport = kafkajsTransport(connection);
let reader: ReturnType<typeof transport.reader> | undefined;
const group = await startGroup({
  transport,
  reader: () => {
    reader ??= transport.reader([input, changelog]);
    reader.catch(() => {
      reader = undefined;
    });
    return reader;
  },
  groupId,
  topics: [input],
  changelog,
  stage: (partition) => countingStage(output, partition),
  clock: systemClock,
  commitMs: 100,
  stateMs: 2000,
  tickMs: 0,
  onOffsetLost: "fail",
  sessionMs: 6000,
  onEvent: (event) => {
    if (event.kind === "committed" && !process.env.CHAOS_COMMITS) return;
    const shown = "error" in event ? { ...event, error: event.error.message } : event;
    process.stderr.write(`${new Date().toISOString().slice(14, 23)} ${process.pid} ${JSON.stringify(shown)}\n`);
  },
});
group.failed.catch((error) => {
  process.stderr.write(`${process.pid} failed ${error.stack}\n`);
  process.exit(1);
});
process.once("SIGTERM", async () => {
  await group.stop();
  await transport.close();
  process.exit(0);
});
process.stdout.write("ready\n");
