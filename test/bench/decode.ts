/** Points per second of the protobuf metrics walker and of protobufjs on the same payload. `npx tsx test/bench/decode.ts` */
import { SignalSink } from "../../pipelines/core/signals.ts";
import { Tables } from "../../pipelines/core/tables.ts";
import { otlpMetricsProto } from "../../pipelines/ingest/decoders/otlp-metrics-proto.ts";
import { encode, messageTypes } from "../ingest/decoders/otlp-proto.ts";
import { NOW_NS, recordOf } from "../ingest/decoders/rows.ts";

const POINTS = 10_000;
const ROUNDS = 30;
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const dataPoints = Array.from({ length: POINTS }, (_, i) => ({
  timeUnixNano: NOW_NS,
  startTimeUnixNano: NOW_NS,
  asDouble: i / 3,
  attributes: [attribute("http.route", `/r/${i % 1000}`), attribute("method", "GET"), attribute("code", "200")],
}));
const resource = { attributes: [attribute("service.name", "web")] };
const metrics = [{ name: "m", unit: "1", gauge: { dataPoints } }];
const bytes = encode("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });

function rate(work: () => void): number {
  for (let i = 0; i < 5; i++) work();
  const start = process.hrtime.bigint();
  for (let i = 0; i < ROUNDS; i++) work();
  return (POINTS * ROUNDS) / (Number(process.hrtime.bigint() - start) / 1e9);
}

const sink = new SignalSink(new Tables());
const record = recordOf("otlp-metrics-proto", bytes);
const walker = rate(() => {
  sink.begin(record);
  otlpMetricsProto.decode(record, sink);
});
if (sink.points.length !== POINTS) throw new Error(`${sink.points.length} points`);
const library = rate(() => void messageTypes.metrics.decode(bytes));
const say = (name: string, n: number) =>
  process.stdout.write(`${name} ${Math.round(n).toLocaleString("en")} points/s\n`);
say("walker into rows", walker);
say("protobufjs, objects only", library);
process.stdout.write(`ratio ${(walker / library).toFixed(2)}\n`);
