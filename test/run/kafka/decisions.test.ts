import { expect, it } from "vitest";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { Silence } from "../../../pipelines/core/incident-decisions.ts";
import type { Control, Incident } from "../../../pipelines/core/records.ts";
import { recordJson } from "../../../pipelines/run/kafka/cloud-event.ts";
import { incidentsTask } from "../../../pipelines/run/kafka/stages.ts";
import { namesOf } from "../../../pipelines/run/kafka/topics.ts";
import { toRecords } from "../../../pipelines/run/kafka/wire.ts";
import type { Produced } from "../../../pipelines/runtime/kafka/task.ts";
import { incidentOf } from "../../report/fixture.ts";

it("decisions reach the incidents task through its topic, and come out as records, the same after a restart", () => {
  const config = parseConfig(
    JSON.stringify({ system: "shop", runtime: { kind: "kafka", brokers: ["b:1"], topics: [{ name: "t" }] } }),
  );
  const names = namesOf("fw");
  const T = 1_760_000_000_000;
  const over = incidentOf("payment", { id: "INC-OLD", system: "shop", state: "resolved" });
  const incident: Incident = { ...over, times: { ...over.times, resolvedMs: T } };
  const silence: Silence = {
    id: "SIL-1",
    matchers: [{ field: "entity", op: "=", value: "payment" }],
    startsMs: T,
    endsMs: T + 1000,
    mode: "mute",
    by: "ann",
    comment: "",
    createdMs: T,
    endedBy: null,
  };
  const controls: Control[] = [
    {
      kind: "label",
      timeMs: T,
      record: { incidentId: "INC-OLD", label: "noise", by: "ann", atMs: T, note: "" },
      incident,
    },
    { kind: "silence", timeMs: T, silence },
    { kind: "unsilence", timeMs: T + 5, silenceId: "SIL-1", by: "bob" },
  ];
  const run = (restartAt: number) => {
    let task = incidentsTask(config, names, 1, 0);
    const out: Produced[] = [];
    for (const [i, control] of controls.entries()) {
      if (i === restartAt) {
        const stored = new Map<string, Uint8Array>();
        task.snapshot((k, v) => v && stored.set(k, v), true);
        task = incidentsTask(config, names, 1, 0);
        task.restore(stored);
      }
      for (const r of toRecords(
        { type: "control", control },
        { topic: names.messages, partition: 0, origin: "control" },
      ))
        task.process(
          {
            topic: names.messages,
            partition: 0,
            offset: BigInt(i),
            timestampMs: T,
            key: null,
            value: Buffer.from(r.value),
            headers: r.headers ?? {},
          },
          (p) => out.push(p),
        );
    }
    return out;
  };
  const out = run(-1);
  const of = <V>(topic: string) =>
    out
      .filter((p) => p.topic === topic)
      .map((p) => JSON.parse(recordJson({ value: Buffer.from(p.value as string), headers: p.headers ?? {} })) as V);
  expect(of<Incident>(names.output("incidents"))).toMatchObject([
    { id: "INC-OLD", version: incident.version + 1, verdict: { label: "noise", by: "ann" } },
  ]);
  expect(of<Silence>(names.output("silences"))).toEqual([silence, { ...silence, endsMs: T + 5, endedBy: "bob" }]);
  for (const at of [1, 2]) expect(run(at)).toEqual(out);
});
