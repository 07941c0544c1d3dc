/**
 * A real guest (QEMU, TCG) that panics, and one that hangs, from the fault to the verified repair: the pipeline looks at the
 * machine (source `targets`), opens an incident, names it, and its policy resets or reverts it. Nothing but the guest is told
 * of the fault. `npx tsx test/recover/vm-incident.ts [--rounds 3]` prints times by fault.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { pino } from "pino";
import { stringify } from "yaml";
import { systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Action, Incident } from "../../pipelines/core/records.ts";
import { takeCheckpoint } from "../../pipelines/recover/actions/qemu.ts";
import { stream } from "../../pipelines/run/stream.ts";
import { startMachine } from "./machine.ts";

export type VmFault = "panic" | "hang";

/** Times from the fault on, ms. */
export interface VmRepair {
  readonly fault: VmFault;
  /** Start of the incident; the action was carried out; the incident was resolved by the signal that raised it. */
  readonly detectedMs: number;
  readonly actedMs: number;
  readonly verifiedMs: number;
  readonly action: string;
  readonly suspect: string;
  readonly headline: string;
  /** Ticks of the guest's own counter that are gone. */
  readonly lostTicks: number;
  /** Plans that were carried out. */
  readonly attempts: number;
  /** By `/metrics`: verified plans of the action so far, notifications sent so far. */
  readonly counted: { readonly verified: number; readonly sent: number };
}

const WARM_MS = 40_000;
const SILENT_MS = 4000;
const STUCK_MS = 120_000;
const AFTER_CHECKPOINT_MS = 5000;
const KEY: Readonly<Record<VmFault, string>> = { panic: "p", hang: "h" };

const configOf = (dir: string, use: object) =>
  parseConfig(
    stringify({
      system: "vm",
      dataDir: join(dir, "pipeline"),
      sources: [{ kind: "targets", every: "250ms" }],
      windows: { window: "500ms", lateness: "500ms" },
      incidents: { quiet: "3s", reopen: "1ms" },
      notify: { receivers: [{ kind: "file", path: join(dir, "told.jsonl") }] },
      recover: {
        dryRun: false,
        targets: [{ name: "guest", use }],
        policy: [
          { log: "*guest-panicked*", action: "vm-reset" },
          { kind: "vm", action: "vm-revert" },
        ],
        autoApprove: ["vm-reset", "vm-revert"],
        cooldown: "1s",
        perHour: 100,
        lockDir: join(dir, "locks"),
      },
      commit: "200ms",
    }),
  );

async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  seen: () => Promise<unknown> = async () => "",
  ms = STUCK_MS,
): Promise<T> {
  const endMs = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`not within ${ms} ms: ${what} ${JSON.stringify(await seen())}`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

/** Each fault in turn, on one machine under one pipeline. */
export async function repairFaults(faults: readonly VmFault[]): Promise<VmRepair[]> {
  const vm = await startMachine();
  const config = configOf(vm.dir, { ...vm.target, silent: SILENT_MS });
  let run: Awaited<ReturnType<typeof stream>> | undefined;
  try {
    run = await stream({ config, clock: systemClock, log: pino({ level: "silent" }) });
    const get = async <T>(path: string): Promise<T[]> => {
      const page = (await (await fetch(new URL(path, run?.url))).json()) as T[];
      return page;
    };
    const sample = async (line: string) => {
      const text = await (await fetch(new URL("/metrics", run?.url))).text();
      return Number(new RegExp(`^faultwright_${line} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
    };
    const sinceMs = Date.now();
    // Warm first: what is usual has to be seen for a while.
    await until("warm", () => (Date.now() - sinceMs > WARM_MS ? true : undefined));
    const out: VmRepair[] = [];
    for (const fault of faults) {
      await takeCheckpoint({ ...vm.target, silent: SILENT_MS }, Date.now());
      const counted = vm.beats().length;
      // Some windows of it: the onset is known to about two, and only a checkpoint of before it is gone back to.
      const savedMs = Date.now();
      await until("work since the checkpoint", () =>
        vm.beats().length > counted + 20 && Date.now() - savedMs > AFTER_CHECKPOINT_MS ? true : undefined,
      );
      const faultMs = Date.now();
      await vm.send(KEY[fault]);
      const incident = await until("an incident", async () =>
        (await get<Incident>("/api/incidents")).find((i) => i.times.detectedMs >= faultMs),
      );
      const foundMs = Date.now();
      const last = vm.beats().at(-1) as number;
      const before = vm.beats().length;
      const of = async () => (await get<Action>("/api/actions")).filter((a) => a.plan.incidentId === incident.id);
      const plans = async () => (await of()).map((a) => [a.plan.action, a.state, a.history.at(-1)?.detail]);
      const done = async () => (await of()).find((a) => a.state === "executed" || a.state === "verified");
      const acted = await until("an action that was carried out", done, plans);
      const actedMs = Date.now();
      const first = await until("a heartbeat", () => vm.beats()[before]);
      const verified = await until(
        "a verified action",
        async () => (await of()).find((a) => a.state === "verified"),
        plans,
      );
      const [resolved] = (await get<Incident>("/api/incidents")).filter((i) => i.id === incident.id);
      out.push({
        fault,
        detectedMs: foundMs - faultMs,
        actedMs: actedMs - faultMs,
        verifiedMs: Date.now() - faultMs,
        action: verified.plan.action,
        suspect: `${resolved?.diagnosis?.suspects[0]?.kind}:${resolved?.diagnosis?.suspects[0]?.name}`,
        headline: resolved?.diagnosis?.headline ?? "",
        lostTicks: last - first + 1,
        attempts: (await of()).filter((a) => a.attempts > 0).length,
        counted: {
          verified: await sample(`acts_total\\{action="${verified.plan.action}",state="verified"\\}`),
          sent: await sample('deliveries_total\\{receiver="file",state="sent"\\}'),
        },
      });
      process.stderr.write(`${JSON.stringify({ ...out.at(-1), acted: acted.plan.id })}\n`);
    }
    return out;
  } finally {
    await run?.stop();
    vm.stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
  const rounds = Array.from({ length: Number(values.rounds) }, () => ["panic", "hang"] as const).flat();
  const done = await repairFaults(rounds);
  const seconds = (list: number[]) => {
    const sorted = [...list].sort((a, b) => a - b);
    return `${((sorted[sorted.length >> 1] as number) / 1000).toFixed(1)} (${((sorted.at(-1) as number) / 1000).toFixed(1)})`;
  };
  process.stdout.write("\nSeconds from the fault, median (most):\n\n");
  process.stdout.write(
    "| fault | times | repair | incident | acted | verified | ticks lost, most |\n|---|---|---|---|---|---|---|\n",
  );
  for (const fault of ["panic", "hang"] as const) {
    const of = done.filter((d) => d.fault === fault);
    const actions = [...new Set(of.map((d) => d.action))].join(", ");
    process.stdout.write(
      `| ${fault} | ${of.length} | ${actions} | ${seconds(of.map((d) => d.detectedMs))} | ${seconds(of.map((d) => d.actedMs))} | ${seconds(of.map((d) => d.verifiedMs))} | ${Math.max(...of.map((d) => d.lostTicks))} |\n`,
    );
  }
}
