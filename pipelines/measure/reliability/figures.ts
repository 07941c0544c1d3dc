/** Rates and shares, each with its definition and where that comes from. */
import { type Interval, poissonInterval, wilsonInterval } from "../../../models/survival/intervals.ts";
import type { OutageRecord, ReliabilityFigure } from "../../core/reliability.ts";
import { type ReplicaSample, replicaFigures } from "./replicas.ts";

type Text = Pick<ReliabilityFigure, "key" | "name" | "definition" | "source">;

export interface FigureInput {
  /** Outages that began within the window, the one that opened it left out. */
  readonly outages: readonly OutageRecord[];
  readonly observedHours: number;
  readonly downHours: number;
  /** Systems watched: exposure is theirs together. */
  readonly units: number;
  /** Changes made in the window; undefined: nobody counted. */
  readonly changes: number | undefined;
  readonly replicas: readonly ReplicaSample[];
  /** Load of each instance, any unit. */
  readonly loads: readonly number[];
}

const unknown = (text: Text, unit: ReliabilityFigure["unit"], note: string): ReliabilityFigure => ({
  ...text,
  value: null,
  unit,
  interval: null,
  count: 0,
  note,
});

function share(text: Text, hits: number, of: number, note: string): ReliabilityFigure {
  if (of === 0) return unknown(text, "1", note);
  return {
    ...text,
    value: hits / of,
    unit: "1",
    interval: wilsonInterval(hits, of),
    count: of,
    note: `${hits} of ${of}`,
  };
}

export function reliabilityFigures(input: FigureInput): ReliabilityFigure[] {
  const { outages, observedHours, downHours, units, changes, loads, replicas } = input;
  const n = outages.length;
  const exposure = observedHours * units;
  const count = poissonInterval(n);
  const rate: Interval = { low: count.low / exposure, high: count.high / exposure, level: count.level };
  const figures: ReliabilityFigure[] = [];
  const add = (f: ReliabilityFigure) => figures.push(f);
  const isKnown = exposure > 0;
  const nothing = "nothing was observed";

  const rateText: Text = {
    key: "failureRate",
    name: "Failure rate",
    definition: "Outages that began in the window, divided by its length times the number of systems watched.",
    source: "IEC 60050-192 (failure intensity); exact Poisson interval: Garwood 1936",
  };
  add(
    isKnown
      ? { ...rateText, value: n / exposure, unit: "/h", interval: rate, count: n, note: "" }
      : unknown(rateText, "/h", nothing),
  );

  const mtbf: Text = {
    key: "mtbf",
    name: "Mean time between failures (MTBF)",
    definition:
      "The window's length times the number of systems, divided by the outages that began in it: from start to start.",
    source: "IEC 60050-192; interval: the failure rate's, inverted",
  };
  add(
    n === 0 || !isKnown
      ? {
          ...unknown(
            mtbf,
            "h",
            isKnown ? "no failure was seen: with 95 % confidence it is longer than the lower bound" : nothing,
          ),
          interval: isKnown ? { low: 1 / rate.high, high: null, level: rate.level } : null,
        }
      : {
          ...mtbf,
          value: exposure / n,
          unit: "h",
          interval: { low: 1 / rate.high, high: 1 / rate.low, level: rate.level },
          count: n,
          note: "",
        },
  );

  const mttf: Text = {
    key: "mttf",
    name: "Mean operating time between failures (MTTF)",
    definition: "Time in the window without any outage, divided by the outages that began in it.",
    source: "IEC 60050-192 (mean operating time between failures)",
  };
  const up = Math.max(0, observedHours - downHours);
  add(
    n === 0 || !isKnown
      ? unknown(mttf, "h", isKnown ? "no failure was seen" : nothing)
      : { ...mttf, value: (up * units) / n, unit: "h", interval: null, count: n, note: "" },
  );

  const available: Text = {
    key: "availability",
    name: "Availability",
    definition:
      "Share of the window without any outage; overlapping outages count once, those that are not over count to its end.",
    source: "IEC 60050-192 (availability), measured over time",
  };
  add(
    isKnown
      ? {
          ...available,
          value: up / observedHours,
          unit: "1",
          interval: null,
          count: n,
          note: `down ${downHours.toFixed(3)} h of ${observedHours.toFixed(3)} h`,
        }
      : unknown(available, "1", nothing),
  );

  const writes = outages.flatMap((o) => (o.writes ? [o.writes] : []));
  const acknowledged = writes.reduce((s, w) => s + w.acknowledged, 0);
  const lost = writes.reduce((s, w) => s + w.lost, 0);
  add(
    share(
      {
        key: "dataLoss",
        name: "Data-loss rate",
        definition: "Writes that were acknowledged to a client and are gone, divided by all that were acknowledged.",
        source: "Counted from a log of acknowledged writes kept outside the system; interval: Wilson 1927",
      },
      lost,
      acknowledged,
      "no outage says how many writes were acknowledged and lost",
    ),
  );

  const injected = outages.filter((o) => o.injected === true);
  add(
    share(
      {
        key: "coverage",
        name: "Detection coverage",
        definition: "Faults put in on purpose that were detected, divided by all that were put in.",
        source: "Arnold 1973, IEEE Trans. Computers 22(3) (coverage); interval: Wilson 1927",
      },
      injected.filter((o) => o.detectedMs !== null).length,
      injected.length,
      "no fault was put in on purpose",
    ),
  );

  const repaired = outages.filter((o) => o.repairs !== null && o.repairs.attempted > 0);
  add(
    share(
      {
        key: "recovered",
        name: "Recovered of attempted",
        definition: "Outages with a repair that was verified, divided by those in which a repair was carried out.",
        source: "Interval: Wilson 1927",
      },
      repaired.filter((o) => o.repairs!.verified > 0).length,
      repaired.length,
      "no repair was carried out",
    ),
  );

  const judged = outages.filter((o) => o.byChange !== null);
  const byChange = judged.filter((o) => o.byChange).length;
  add(
    share(
      {
        key: "outagesByChange",
        name: "Outages that a change caused",
        definition:
          "Outages whose cause was a deploy or a change of configuration, divided by those whose cause is known.",
        source: "Interval: Wilson 1927",
      },
      byChange,
      judged.length,
      "no outage says whether a change caused it",
    ),
  );
  const changeFailure: Text = {
    key: "changeFailureRate",
    name: "Change failure rate",
    definition: "Changes that caused an outage, divided by all changes.",
    source: "Forsgren, Humble & Kim 2018, Accelerate (DORA); interval: Wilson 1927",
  };
  add(
    changes === undefined
      ? unknown(changeFailure, "1", "nobody said how many changes were made: --changes")
      : share(changeFailure, Math.min(byChange, changes), changes, "no change was made"),
  );

  const often: Text = {
    key: "deploymentFrequency",
    name: "Deployment frequency",
    definition: "Changes made in the window, divided by its length; exact Poisson interval.",
    source: "Forsgren, Humble & Kim 2018, Accelerate (DORA); Garwood 1936",
  };
  const deploys = poissonInterval(changes ?? 0);
  add(
    changes === undefined || !(observedHours > 0)
      ? unknown(often, "/h", changes === undefined ? "nobody said how many changes were made: --changes" : nothing)
      : {
          ...often,
          value: changes / observedHours,
          unit: "/h",
          interval: { low: deploys.low / observedHours, high: deploys.high / observedHours, level: deploys.level },
          count: changes,
          note: `${changes} changes`,
        },
  );

  const imbalance: Text = {
    key: "loadImbalance",
    name: "Load imbalance",
    definition: "The largest load of an instance divided by the mean of all: 1 is perfectly even.",
    source: "Pearce et al. 2012, ICS (percent imbalance + 1)",
  };
  const mean = loads.reduce((s, v) => s + v, 0) / loads.length;
  add(
    loads.length === 0 || !(mean > 0)
      ? unknown(imbalance, "1", loads.length === 0 ? "no loads were given: --loads" : "all loads are 0")
      : {
          ...imbalance,
          value: loads.reduce((m, v) => Math.max(m, v), 0) / mean,
          unit: "1",
          interval: null,
          count: loads.length,
          note: "",
        },
  );
  figures.push(...replicaFigures(replicas));
  return figures;
}
