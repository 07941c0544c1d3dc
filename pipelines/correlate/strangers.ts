/** What in an incident has nothing to do with the rest of it. */
import type { Anomaly } from "../core/records.ts";
import { SELF_LABEL } from "../core/self.ts";
import { benign } from "./evidence.ts";
import { active, type Held } from "./incident-book.ts";

export interface StrangerOptions {
  /** Both are known, and known to have nothing to do with each other. */
  readonly strange: (a: string, b: string) => boolean;
  /** Whether such a group would open an incident of its own. */
  readonly admits: (group: readonly Anomaly[]) => boolean;
  /** Parts have to have begun so far apart, and to have been known as strangers for so long. */
  readonly apartMs: number;
}

/**
 * The anomalies of the part that began last, of those that are all strangers to what opened the incident; undefined
 * where nothing is. An entity that nobody knows, a host for one, may belong to anything: it holds all parts together.
 */
export function stranger(h: Held, { strange, admits, apartMs }: StrangerOptions): Anomaly[] | undefined {
  if (h.incident.labels.includes(SELF_LABEL)) return undefined;
  const telling = h.incident.anomalies.filter((a) => !benign(a));
  const openers = new Set(h.openers);
  const beganMs = startOf(telling.filter((a) => openers.has(a.id)));
  // Most incidents are over before anything comes so late.
  if (!telling.some((a) => a.startMs - beganMs > apartMs)) return undefined;
  const parts = partsOf([...new Set(telling.map((a) => a.entity))].sort(), strange);
  if (parts.length < 2) return undefined;
  const groups = parts.map((part) => telling.filter((a) => part.has(a.entity)));
  const opened = groups.filter((g) => g.some((a) => openers.has(a.id))).flat();
  if (opened.length === 0) return undefined;
  const late = groups
    .map((group, i) => ({ group, part: parts[i] as ReadonlySet<string>, startMs: startOf(group) }))
    .filter((g) => !g.group.some((a) => openers.has(a.id)) && g.startMs - startOf(opened) > apartMs)
    .sort((a, b) => b.startMs - a.startMs || ([...b.part][0]! < [...a.part][0]! ? -1 : 1))
    .find((g) => admits(active(h).filter((a) => g.part.has(a.entity))));
  if (!late) return undefined;
  const { part } = late;
  // What tells of nothing goes where it may belong, and stays where it may as well.
  const goes = (a: Anomaly) =>
    part.has(a.entity) ||
    ([...part].some((e) => !strange(e, a.entity)) && opened.every((o) => strange(o.entity, a.entity)));
  return h.incident.anomalies.filter(goes);
}

const startOf = (list: readonly Anomaly[]): number => Math.min(...list.map((a) => a.startMs));

/** Entities that hang together, or may; in canonical order. */
function partsOf(entities: readonly string[], strange: StrangerOptions["strange"]): Set<string>[] {
  const rest = new Set(entities);
  const out: Set<string>[] = [];
  for (const first of entities) {
    if (!rest.delete(first)) continue;
    const part = new Set([first]);
    for (const e of part)
      for (const other of rest)
        if (!strange(e, other)) {
          part.add(other);
          rest.delete(other);
        }
    out.push(part);
  }
  return out;
}
