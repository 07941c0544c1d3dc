import { Counter, Gauge, type Registry } from "prom-client";
import type { Delivery } from "../../core/notifications.ts";
import type { Action } from "../../core/records.ts";
import { circuits } from "../../tolerance/policies.ts";

const CIRCUIT_STATES = ["closed", "open", "halfOpen"] as const;

/** What the process does to the world outside. Labels come from the config: receivers, kinds of actions, policies. */
export function effectMetrics(registry: Registry) {
  const registers = [registry];
  let waiting: () => ReadonlyMap<string, number> = () => new Map();
  const deliveries = new Counter({
    name: "faultwright_deliveries_total",
    help: "Notifications by receiver and what became of a try: sent, failed (tried again), dead (given up).",
    labelNames: ["receiver", "state"],
    registers,
  });
  new Gauge({
    name: "faultwright_deliveries_waiting",
    help: "Notifications that wait for a receiver or are on their way.",
    labelNames: ["receiver"],
    registers,
    collect() {
      this.reset();
      for (const [receiver, n] of waiting()) this.set({ receiver }, n);
    },
  });
  new Gauge({
    name: "faultwright_circuits",
    help: "Destinations called so far whose policy has a circuit breaker, by its state: closed, open, halfOpen.",
    labelNames: ["policy", "state"],
    registers,
    collect() {
      this.reset();
      for (const { policy, state } of circuits()) {
        for (const other of CIRCUIT_STATES) this.inc({ policy, state: other }, 0);
        this.inc({ policy, state });
      }
    },
  });
  const acts = new Counter({
    name: "faultwright_acts_total",
    help: "Plans by kind of action and the state they reached: proposed, approved, executing, executed, verified and so on.",
    labelNames: ["action", "state"],
    registers,
  });
  return {
    /** Where the numbers of waiting notifications can be asked. */
    waits(of: () => ReadonlyMap<string, number>): void {
      waiting = of;
    },
    delivered({ receiver, state }: Pick<Delivery, "receiver" | "state">): void {
      deliveries.inc({ receiver, state });
    },
    /** A record of a plan; one that only adds a note to its history is not counted. */
    acted({ plan, state, history }: Action): void {
      if (history.at(-2)?.state !== state) acts.inc({ action: plan.action, state });
    },
  };
}
