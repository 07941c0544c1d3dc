/** Actors in processes of their own, over the audit on a real broker: the one that sleeps never acts beside the other. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Action } from "../../../pipelines/core/records.ts";
import { makePlan } from "../../../pipelines/recover/plan.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { verifyAudit } from "../../../pipelines/runtime/store/audit.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import type { ActorTask } from "./actor-child.ts";

const LEASE_MS = 1500;

describe.skipIf(skipWithoutBroker())("actors on Kafka", () => {
  let broker: Broker;
  const dir = mkdtempSync(join(tmpdir(), "fw-actors-"));
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    broker = await startBroker();
  }, 150_000);
  afterAll(async () => {
    for (const c of children) c.kill("SIGKILL");
    await broker?.stop();
    rmSync(dir, { recursive: true });
  });

  async function setup(topic: string) {
    const admin = kafkaClient({ brokers: [broker.bootstrap] }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    await admin.disconnect();
    const ran = join(dir, `${topic}-ran`);
    writeFileSync(join(dir, "version"), "1");
    const append = [process.execPath, "-e", `require("fs").appendFileSync(${JSON.stringify(ran)}, "x")`];
    const use = {
      ...{ kind: "command", version: ["cat", join(dir, "version")], health: { kind: "command", command: ["true"] } },
      actions: { repair: { effect: "repairs", run: append } },
    };
    const words = {
      preconditions: [],
      effect: "",
      blastRadius: ["shop"],
      reversible: false,
      expectedLoss: "",
      risk: "low" as const,
    };
    const now = Date.now();
    const plan = makePlan({
      incidentId: "I",
      action: "repair",
      target: "shop",
      reason: topic,
      onsetMs: null,
      ...words,
      createdMs: now,
      expiresMs: now + 1e6,
    });
    const action: Action = { plan, state: "proposed", version: 1, approvedBy: null, attempts: 0, history: [] };
    const start = (name: string, what: "begin" | "take", more: Partial<ActorTask> = {}) => {
      const task: ActorTask = {
        bootstrap: broker.bootstrap,
        topic,
        dir,
        name: `${topic}-${name}`,
        use,
        action,
        what,
        leaseMs: LEASE_MS,
        ...more,
      };
      const child = spawn(
        process.execPath,
        ["--import", "tsx", join(import.meta.dirname, "actor-child.ts"), JSON.stringify(task)],
        {
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      children.push(child);
      let out = "";
      child.stdout.on("data", (d) => {
        out += d;
      });
      const ended = once(child, "exit").then(() =>
        out
          .split("\n")
          .filter(Boolean)
          .map((l) => JSON.parse(l)),
      );
      return { child, ended };
    };
    const times = () => (existsSync(ran) ? readFileSync(ran, "utf8").length : 0);
    return { start, times };
  }
  const stopped = async (pid: number) => {
    for (let i = 0; i < 600; i++, await sleep(50))
      if (/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return;
    throw new Error("it did not stop");
  };

  it.each(["written", "read"] as const)(
    "one that sleeps when its step is %s is taken over, and does nothing when it wakes",
    async (when) => {
      const { start, times } = await setup(`audit-${when}`);
      const first = start("a", "begin", { stopAt: { step: "run", when } });
      await stopped(first.child.pid as number);
      const second = start("b", "take");
      const told = await second.ended;
      expect(told.find((c) => c.kind === "result")).toMatchObject({ ok: false, detail: "unknown, not repeated" });
      process.kill(first.child.pid as number, "SIGCONT");
      const [end] = (await first.ended).filter((c) => c.trail);
      expect(times()).toBe(0);
      expect(end.trail.map((e: { event: string }) => e.event)).toEqual([
        "probed",
        "intent",
        "step",
        "taken",
        "result",
        "late",
      ]);
      expect(verifyAudit(end.trail)).toEqual({ ok: true });
    },
    150_000,
  );
  it("two that begin the same plan at once act once, and both have one chain", async () => {
    const { start, times } = await setup("audit-race");
    const both = await Promise.all([start("a", "begin").ended, start("b", "begin").ended]);
    expect(times()).toBe(1);
    const chains = both.map((out) => out.find((c) => c.trail).trail as { hash: string }[]);
    const shorter = Math.min(...chains.map((c) => c.length));
    expect(chains[0]!.slice(0, shorter)).toEqual(chains[1]!.slice(0, shorter));
  }, 150_000);
});
