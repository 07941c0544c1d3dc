import { describe, expect, it } from "vitest";
import type { Diagnosis, Incident } from "../../pipelines/core/records.ts";
import { incidentMemory } from "../../pipelines/diagnose/memory.ts";
import { incidentOf, T0 } from "../report/fixture.ts";

const d = incidentOf().diagnosis as Diagnosis;
const cpu = { "cause cpu up": 3, "callers latency up": 1 };
const disk = { "cause disk up": 3, "cause errors up": 2 };
const over = (id: string, more: Partial<Incident> = {}): Incident => {
  const base = incidentOf("payment", { state: "resolved", id, ...more });
  const done = { timeMs: T0, kind: "action" as const, entity: "", text: "repair done: restarted payment" };
  return { ...base, timeline: [...base.timeline, done], times: { ...base.times, verifiedMs: T0 } };
};

describe("memory of incidents", () => {
  it("recognises a fault that came before, and says what fixed it; others don't look alike", () => {
    const memory = incidentMemory();
    expect(memory.see("INC-1", d, cpu)).toEqual([]);
    memory.over(over("INC-1"));
    memory.see("INC-2", d, disk);
    memory.over({ ...over("INC-2"), times: { ...incidentOf().times, verifiedMs: null } });
    expect(memory.see("INC-3", d, { "cause cpu up": 2, "callers latency up": 1 })).toMatchObject([
      { id: "INC-1", cause: "payment", repair: "restarted payment", why: ["cause cpu up", "callers latency up"] },
    ]);
    expect(memory.see("INC-3", d, disk)).toMatchObject([{ id: "INC-2", repair: null, similarity: 1 }]);
    // Never itself, and nothing where the cause is unclear.
    expect(memory.see("INC-1", d, cpu)).toEqual([]);
    expect(memory.see("INC-3", { ...d, inconclusive: true }, cpu)).toEqual([]);
  });

  it("forgets what somebody called noise, and takes the words of who labelled it", () => {
    const memory = incidentMemory();
    memory.see("INC-1", d, cpu);
    memory.over(over("INC-1"));
    const verdict = (label: "noise" | "real", note: string) => ({ label, by: "ann", atMs: T0, note });
    memory.over(over("INC-1", { verdict: verdict("real", "runaway regex") }));
    expect(memory.see("INC-2", d, cpu)[0]?.headline).toBe("runaway regex");
    memory.over(over("INC-1", { verdict: verdict("noise", "") }));
    expect(memory.see("INC-2", d, cpu)).toEqual([]);
  });

  it("survives a restart, in order, and stays bounded", () => {
    const memory = incidentMemory();
    const stored = new Map<string, Uint8Array>();
    const save = () => memory.snapshot((k, v) => (v ? stored.set(k, v) : stored.delete(k)));
    for (let i = 0; i < 400; i++) {
      memory.see(`INC-${i}`, d, cpu);
      memory.over(over(`INC-${i}`));
      if (i % 37 === 0) save();
    }
    memory.see("INC-OPEN", d, disk);
    save();
    expect([...stored.keys()].filter((k) => k.startsWith("past/")).length).toBe(300);
    const again = incidentMemory();
    again.restore(stored);
    for (const m of [again, memory]) m.over(over("INC-OPEN"));
    expect(again.see("INC-X", d, disk)[0]?.id).toBe("INC-OPEN");
    expect(again.see("INC-X", d, cpu)).toEqual(memory.see("INC-X", d, cpu));
  });
});
