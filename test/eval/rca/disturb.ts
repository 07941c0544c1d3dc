/** Ways in which recordings are worse than one would like. Seeded: the same every time. */
import type { CaseFolder } from "../../../pipelines/ingest/case/case-folder.ts";
import type { Truth } from "./measure.ts";

export interface Disturbed {
  readonly folder: CaseFolder;
  readonly onsetMs: number;
  readonly cause: string;
}
type Known = Pick<Truth, "inject_time" | "root_cause_service">;

/** Fixed pseudo-random number in [0, 1) of two integers. */
function noise(a: number, b: number): number {
  let h = Math.imul(a + 0x9e37, 0x85ebca6b) ^ Math.imul(b + 0x79b9, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

const plain = (folder: CaseFolder, t: Known): Disturbed => ({
  folder,
  onsetMs: t.inject_time * 1000,
  cause: t.root_cause_service,
});

/** Only the rows that `keep` wants. */
export function rows(folder: CaseFolder, keep: (row: number, timeMs: number) => boolean): CaseFolder {
  const { metrics } = folder;
  const used = [...metrics.timesMs.keys()].filter((i) => keep(i, metrics.timesMs[i] as number));
  const pick = (v: Float64Array) => Float64Array.from(used, (i) => v[i] as number);
  const columns = metrics.columns.map(({ name, values }) => ({ name, values: pick(values) }));
  return { ...folder, metrics: { ...metrics, timesMs: pick(metrics.timesMs), columns } };
}

function columns(
  folder: CaseFolder,
  change: (c: CaseFolder["metrics"]["columns"]) => CaseFolder["metrics"]["columns"],
): CaseFolder {
  return { ...folder, metrics: { ...folder.metrics, columns: change(folder.metrics.columns) } };
}

function renamed(folder: CaseFolder, t: Known): Disturbed {
  const names = new Map<string, string>();
  const rename = (name: string): string => {
    const known = names.get(name) ?? `${noise(name.length, names.size).toString(36).slice(2, 8)}-${names.size}`;
    names.set(name, known);
    return /-slo$/.test(name) ? `${known}-slo` : known;
  };
  const column = (name: string) => {
    const at = name.indexOf("_");
    return `${rename(name.slice(0, at))}${name.slice(at)}`;
  };
  const { spans, lines } = folder;
  const changed = columns(folder, (list) => list.map((c) => ({ ...c, name: column(c.name) })));
  return {
    ...plain(
      {
        ...changed,
        edges: folder.edges.map(([a, b]) => [rename(a), rename(b)] as const),
        spans: spans && { ...spans, owners: spans.owners.map(rename) },
        lines: lines && { ...lines, templates: lines.templates.map((x) => ({ ...x, entity: rename(x.entity) })) },
      },
      t,
    ),
    cause: rename(t.root_cause_service),
  };
}

const stepMs = ({ metrics }: CaseFolder): number => {
  const steps = [...metrics.timesMs.slice(1)].map((v, i) => v - (metrics.timesMs[i] as number)).sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0;
};
const late = (samples: number) => (f: CaseFolder, t: Known) => ({
  ...plain(f, t),
  onsetMs: t.inject_time * 1000 + samples * stepMs(f),
});

export const disturb = {
  none: plain,
  "services renamed": renamed,
  "columns shuffled": (f, t) =>
    plain(
      columns(f, (list) =>
        list
          .map((c, i) => [noise(i, 3), c] as const)
          .sort(([a], [b]) => a - b)
          .map(([, c]) => c),
      ),
      t,
    ),
  "20 % of rows dropped": (f, t) =>
    plain(
      rows(f, (i) => noise(i, 1) >= 0.2),
      t,
    ),
  "20 % of cells dropped": (f, t) =>
    plain(
      columns(f, (list) =>
        list.map((c, k) => ({ ...c, values: c.values.map((v, i) => (noise(i, k + 10) < 0.2 ? Number.NaN : v)) })),
      ),
      t,
    ),
  "onset two samples early": late(-2),
  "onset two samples late": late(2),
  "events 30 s early": (f, t) => plain(shiftedEvents(f, -30_000), t),
  "events 30 s late": (f, t) => plain(shiftedEvents(f, 30_000), t),
  "half the history": (f, t) => {
    const first = f.metrics.timesMs[0] ?? 0;
    return plain(
      rows(f, (_, at) => at >= first + (t.inject_time * 1000 - first) / 2),
      t,
    );
  },
  "no history": (f, t) => plain({ ...rows(f, (_, at) => at >= t.inject_time * 1000), spans: null, lines: null }, t),
  "one service": (f, t) =>
    plain(
      {
        ...columns(f, (list) => list.filter((c) => c.name.startsWith(`${t.root_cause_service}_`))),
        spans: null,
        lines: null,
      },
      t,
    ),
} satisfies Record<string, (folder: CaseFolder, truth: Known) => Disturbed>;
export type Disturbance = keyof typeof disturb;

function shiftedEvents(f: CaseFolder, byMs: number): CaseFolder {
  const { spans, lines } = f;
  return {
    ...f,
    spans: spans && { ...spans, startMs: spans.startMs.map((v) => v + byMs) },
    lines: lines && { ...lines, timeMs: lines.timeMs.map((v) => v + byMs) },
  };
}
