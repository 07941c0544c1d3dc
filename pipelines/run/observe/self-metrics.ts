/** The pipeline's own metrics. Nothing is global: each run has its registry. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import type { ModelStatus } from "../../core/live-models.ts";
import type { Action, Incident } from "../../core/records.ts";
import type { SelfGauge, SelfRecord } from "../../core/self.ts";
import type { Commit, OutputRecord, Store } from "../../core/store.ts";
import type { GroupEvent } from "../../runtime/kafka/group.ts";
import { modelMetrics } from "../models/model-metrics.ts";
import { effectMetrics } from "./effect-metrics.ts";
import { processMetrics } from "./process-metrics.ts";
import type { Tally, TallyName } from "./tally.ts";

/** What of a stage can be looked at; each has only some of it. */
export interface Observed {
  tally?(): Iterable<Tally>;
  /** 0 or less before any data. */
  readonly watermarkMs?: number;
  readonly tables?: { readonly entities: readonly unknown[]; readonly seriesCount: number };
  openIncidents?(): readonly Incident[];
  readonly models?: { status(): readonly ModelStatus[] } | undefined;
}

export interface TaskLag {
  readonly stage: string;
  readonly task: number;
  readonly ready: boolean;
  /** Records that wait. */
  readonly lag: number;
}

export type RefusalReason = "overloaded" | "failed";

interface Watched {
  readonly stage: string;
  readonly task: string;
  readonly observed: Observed;
  /** Counts that are in the counters already. */
  readonly seen: Map<string, number>;
}

const STATES = ["open", "acknowledged", "mitigating"] as const;

export type SelfMetrics = ReturnType<typeof selfMetrics>;

/**
 * Labels are stages, tasks, topics, codes and states: never an entity or a series. Stages count for themselves; what is
 * new since the last look is added to the counters at each scrape, so that they never go back when a task moves on.
 */
export function selfMetrics({ config, clock }: { readonly config: Config; readonly clock: Clock }) {
  const registry = new Registry();
  const registers = [registry];
  const endProcess = processMetrics(registry);
  const watched = new Map<string, Watched>();
  let tasks: () => Iterable<TaskLag> = () => [];
  let journalLag: (() => number) | undefined;

  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name: `faultwright_${name}`, help, labelNames, registers });
  /** A gauge that is read when asked; rows that are gone are gone. */
  const gauge = <L extends string>(name: string, help: string, labelNames: L[], read: (g: Gauge<L>) => void) =>
    new Gauge<L>({
      name: `faultwright_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        if (labelNames.length > 0) this.reset();
        read(this);
      },
    });

  const statuses = function* (): Generator<ModelStatus> {
    for (const { observed } of watched.values()) yield* observed.models?.status() ?? [];
  };
  const models = modelMetrics(registry, statuses);
  const effects = effectMetrics(registry);

  const counters = {
    records: counter("records_read_total", "Records taken in, by topic or other source.", "source"),
    rows: counter("rows_read_total", "Points, histograms, log lines and spans decoded, by source.", "source"),
    letters: counter("dead_letters_total", "Dead letters by error code.", "code"),
    letterRows: counter("dead_letter_rows_total", "Rows that dead letters stand for, by error code.", "code"),
    windows: counter("windows_closed_total", "Windows that the watermark has passed."),
    anomalies: counter(
      "anomalies_total",
      "Anomaly records by what happened: opened, strengthened, closed. The pipeline's own count too.",
      "state",
    ),
    incidents: counter(
      "incidents_total",
      "Incident records by what happened: opened, updated, reopened, resolved.",
      "state",
    ),
  } satisfies Record<TallyName, Counter<string>>;
  const late = counter("late_rows_total", "Rows that came after their window was closed.");
  const labelOf: Readonly<Record<TallyName, string>> = {
    records: "source",
    rows: "source",
    letters: "code",
    letterRows: "code",
    windows: "",
    anomalies: "state",
    incidents: "state",
  };

  /** Brings counters up to what the stage says; with `count` false it only remembers where it stands. */
  const absorb = ({ observed, seen, stage, task }: Watched, count = true) => {
    if (observed.models) models.absorb(`${stage}/${task}`, observed.models.status());
    for (const [name, label, n] of observed.tally?.() ?? []) {
      const key = `${name} ${label}`;
      const more = n - (seen.get(key) ?? 0);
      seen.set(key, n);
      if (!count || more <= 0) continue;
      // A topic's partitions together: a label each would be too many.
      const value = labelOf[name] === "source" ? label.replace(/\/\d+$/, "") : label;
      if (labelOf[name] === "") counters[name].inc(more);
      else counters[name].inc({ [labelOf[name]]: value }, more);
      if (name === "letters") since.letters += more;
      if (name === "letterRows") since.rows += more;
      if (name === "letterRows" && label === "TIME_TOO_LATE") late.inc(more);
    }
  };

  const commitSeconds = new Histogram({
    name: "faultwright_commit_duration_seconds",
    help: "From the decision to commit until it is durable, by stage (`all` where one commit is of all stages).",
    labelNames: ["stage"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const commits = counter("commits_total", "Commits made, by stage.", "stage");
  const commitFailures = counter("commit_failures_total", "Commits that failed, by stage.", "stage");
  const stateBytes = counter("state_written_bytes_total", "State that commits have written, bytes, by stage.", "stage");
  const retries = counter("task_retries_total", "Times that a task had to be opened again, by stage.", "stage");
  const rebalances = counter(
    "rebalances_total",
    "Assignments of tasks that this process was given, by stage.",
    "stage",
  );
  const away = counter("broker_losses_total", "Times that a group was lost because brokers were away.", "stage");
  const refused = counter(
    "intake_refused_total",
    "Requests answered with 503, by reason: overloaded (too much waits), failed (not stored).",
    "reason",
  );
  for (const reason of ["overloaded", "failed"] satisfies RefusalReason[]) refused.inc({ reason }, 0);
  const selfErrors = counter("self_observation_failures_total", "Own records that could not be written.");

  const perTask = <T>(read: (o: Observed) => T | undefined, set: (at: { task: string }, value: T) => void) => {
    for (const { task, observed } of watched.values()) {
      const value = read(observed);
      if (value !== undefined) set({ task }, value);
    }
  };
  const features = (o: Observed) => o.watermarkMs !== undefined;
  gauge(
    "watermark_delay_seconds",
    "The wall clock less the watermark, by task of the features stage; no row before any data.",
    ["task"],
    (g) =>
      perTask(
        (o) => (o.watermarkMs !== undefined && o.watermarkMs > 0 ? o.watermarkMs : undefined),
        (at, ms) => g.set(at, (clock.nowMs() - ms) / 1000),
      ),
  );
  gauge("series", "Series known, by task of the features stage.", ["task"], (g) =>
    perTask(
      (o) => (features(o) ? o.tables?.seriesCount : undefined),
      (at, n) => g.set(at, n),
    ),
  );
  gauge("entities", "Entities known, by task of the features stage.", ["task"], (g) =>
    perTask(
      (o) => (features(o) ? o.tables?.entities.length : undefined),
      (at, n) => g.set(at, n),
    ),
  );
  gauge("series_limit", "Most series of a task.", [], (g) => g.set(config.limits.series));
  gauge("entities_limit", "Most entities of a task.", [], (g) => g.set(config.limits.entities));
  gauge("incidents", "Incidents that are not resolved, by state.", ["state"], (g) => {
    for (const state of STATES) g.set({ state }, 0);
    for (const { observed } of watched.values())
      for (const i of observed.openIncidents?.() ?? []) g.inc({ state: i.state as (typeof STATES)[number] });
  });
  gauge("source_lag_records", "Records that wait in the input of a task (runtime kafka).", ["stage", "task"], (g) => {
    for (const { stage, task, lag } of tasks()) g.set({ stage, task: String(task) }, lag);
  });
  gauge("tasks", "Tasks of this process by state: assigned is the sum of the two others.", ["stage", "state"], (g) => {
    for (const { stage, ready } of tasks()) {
      g.inc({ stage, state: "assigned" });
      g.inc({ stage, state: ready ? "ready" : "restoring" });
    }
  });
  gauge("journal_lag_bytes", "Journal not yet read (runtime embedded with a live source), bytes.", [], (g) => {
    if (journalLag) g.set(journalLag());
    else g.remove();
  });

  /** Since the last sample. */
  let since = {
    ms: clock.nowMs(),
    letters: 0,
    rows: 0,
    refused: 0,
    commits: new Map<string, [n: number, ms: number]>(),
  };
  const committed = (stage: string, ms: number, bytes: number) => {
    commits.inc({ stage });
    commitSeconds.observe({ stage }, ms / 1000);
    const [n, sum] = since.commits.get(stage) ?? [0, 0];
    since.commits.set(stage, [n + 1, sum + ms]);
    stateBytes.inc({ stage }, bytes);
  };
  const unwatch = (key: string) => {
    const known = watched.get(key);
    if (known) absorb(known);
    watched.delete(key);
  };

  return {
    registry,
    /** What is done outside: notifications, acts. */
    effects,
    /** Outputs of the act stage that this process runs. */
    committed(outputs: readonly OutputRecord[]): void {
      for (const o of outputs) if (o.topic === "actions") effects.acted(JSON.parse(o.value) as Action);
    },
    /** How the models of this process's tasks get on. */
    models: (): ModelStatus[] => [...statuses()],
    /** Follows a stage that works as this task, instead of the one that did before. */
    watch(stage: string, task: number, observed: Observed): void {
      unwatch(`${stage}/${task}`);
      watched.set(`${stage}/${task}`, { stage, task: String(task), observed, seen: new Map() });
    },
    /** Where the lags of tasks can be asked, and the unread bytes of a journal. */
    lags(of: { readonly tasks?: () => Iterable<TaskLag>; readonly journal?: () => number }): void {
      tasks = of.tasks ?? tasks;
      journalLag = of.journal;
    },
    onEvent(stage: string, event: GroupEvent): void {
      switch (event.kind) {
        case "committed":
          return committed(stage, event.ms, event.stateBytes);
        case "retrying":
          retries.inc({ stage });
          if (event.during === "commit") commitFailures.inc({ stage });
          return;
        case "assigned":
          return rebalances.inc({ stage });
        case "away":
          return away.inc({ stage });
        case "lost":
          return unwatch(`${stage}/${event.task}`);
        case "restored": {
          // What it took in again was counted when it was taken in first.
          const own = watched.get(`${stage}/${event.task}`);
          if (own) absorb(own, false);
          return;
        }
        default:
          return;
      }
    },
    /** The store with its commits measured: for the runtime that commits there. */
    measured(store: Store): Store {
      const commit = async (c: Commit) => {
        const began = clock.nowMs();
        try {
          await store.commit(c);
        } catch (error) {
          commitFailures.inc({ stage: "all" });
          throw error;
        }
        committed("all", clock.nowMs() - began, sizeOf(c));
      };
      return new Proxy(store, {
        get: (target, key) => {
          if (key === "commit") return commit;
          const value = Reflect.get(target, key) as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
    refused(reason: RefusalReason): void {
      refused.inc({ reason });
      since.refused += 1;
    },
    /** What goes into the pipeline's own input: of all tasks here the worst, rates since the last call. */
    sample(): SelfRecord {
      for (const w of watched.values()) absorb(w);
      const now = clock.nowMs();
      const seconds = Math.max(1, now - since.ms) / 1000;
      const gauges: SelfGauge[] = [
        { metric: "faultwright.rejected_records", stage: "", value: since.letters / seconds },
        { metric: "faultwright.rejected_rows", stage: "", value: since.rows / seconds },
        { metric: "faultwright.refused_requests_errors", stage: "", value: since.refused / seconds },
      ];
      for (const [stage, [n, ms]] of since.commits)
        gauges.push({ metric: "faultwright.commit_duration", stage, value: ms / n / 1000 });
      gauges.push(...models.gauges());
      if (journalLag) gauges.push({ metric: "faultwright.lag_bytes", stage: "", value: journalLag() });
      const lags = new Map<string, number>();
      for (const { stage, lag } of tasks()) lags.set(stage, Math.max(lag, lags.get(stage) ?? 0));
      for (const [stage, value] of lags) gauges.push({ metric: "faultwright.lag_records", stage, value });
      const oldest = Math.min(...[...watched.values()].map((w) => w.observed.watermarkMs ?? 0).filter((ms) => ms > 0));
      if (Number.isFinite(oldest))
        gauges.push({ metric: "faultwright.watermark_delay", stage: "", value: Math.max(0, now - oldest) / 1000 });
      since = { ms: now, letters: 0, rows: 0, refused: 0, commits: new Map() };
      return { timeMs: now, gauges };
    },
    selfFailed: () => selfErrors.inc(),
    /** The text format, as of now. */
    async text(): Promise<string> {
      for (const w of watched.values()) absorb(w);
      return registry.metrics();
    },
    close: endProcess,
  };
}

function sizeOf(commit: Commit): number {
  let bytes = 0;
  for (const chunks of commit.state.values()) for (const value of chunks.values()) bytes += value?.length ?? 0;
  return bytes;
}
