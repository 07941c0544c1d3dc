import { Counter, Gauge, type Registry } from "prom-client";
import { MODEL_STATES, type ModelStatus } from "../../core/live-models.ts";
import type { SelfGauge } from "../../core/self.ts";

/** Metrics of the models of a process; labels are models of the config and their roles, never an entity. */
export function modelMetrics(registry: Registry, statuses: () => Iterable<ModelStatus>) {
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, labelNames: L[], read: (g: Gauge<L>) => void) =>
    new Gauge<L>({
      name: `faultwright_model_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        read(this);
      },
    });
  gauge("version", "Version that has the role, 0 for none.", ["model", "role"], (g) => {
    for (const { model, role, version } of statuses()) g.set({ model, role }, version ?? 0);
  });
  gauge(
    "entities",
    "Entities by how their model does: scoring, warming, failed, silent; only scoring opens anomalies.",
    ["model", "role", "state"],
    (g) => {
      for (const { model, role, entities } of statuses())
        for (const state of MODEL_STATES) g.inc({ model, role, state }, entities[state]);
    },
  );
  gauge("fallbacks", "Reasons for which statistics go on alone, warming aside.", ["model", "role"], (g) => {
    for (const s of statuses()) g.inc({ model: s.model, role: s.role }, reasonsOf(s).length);
  });
  gauge(
    "drift",
    "Largest population stability index of an entity's columns, and of its score, against the training rows.",
    ["model", "role", "of"],
    (g) => {
      const most = new Map<string, number>();
      for (const { model, role, drift } of statuses())
        for (const [of, psi] of Object.entries(drift)) {
          if (psi === null) continue;
          const key = `${model}|${role}|${of}`;
          most.set(key, Math.max(most.get(key) ?? 0, psi));
          g.set({ model, role, of }, most.get(key)!);
        }
    },
  );
  const counter = (name: string, help: string) =>
    new Counter<"model" | "role">({
      name: `faultwright_model_${name}_total`,
      help,
      labelNames: ["model", "role"],
      registers,
    });
  const counters = {
    scored: counter("windows_scored", "Windows of entities of which the version had an opinion."),
    odd: counter("windows_odd", "Of these, with a tail probability below 0.001."),
    opened: counter("anomalies", "Anomalies opened; those of a shadow page nobody."),
  };
  const seen = new Map<string, number>();
  return {
    /** Brings counters up to what a task's stage says. A version that is gone has said its last. */
    absorb(task: string, own: Iterable<ModelStatus>): void {
      for (const s of own)
        for (const key of ["scored", "odd", "opened"] as const) {
          const id = `${task}|${s.model}|${s.version}|${s.role}|${key}`;
          const more = s[key] - (seen.get(id) ?? 0);
          seen.set(id, s[key]);
          if (more > 0) counters[key].inc({ model: s.model, role: s.role }, more);
        }
    },
    gauges(): SelfGauge[] {
      let [drift, fallback, any] = [0, 0, false];
      for (const s of statuses()) {
        any = true;
        drift = Math.max(drift, s.drift.columns ?? 0, s.drift.score ?? 0);
        if (s.role === "live") fallback += reasonsOf(s).length;
      }
      if (!any) return [];
      return [
        { metric: "faultwright.model_drift", stage: "", value: drift },
        { metric: "faultwright.model_fallbacks", stage: "", value: fallback },
      ];
    },
  };
}

const reasonsOf = ({ fallback }: ModelStatus) => Object.keys(fallback).filter((why) => !why.startsWith("it learns"));
