/** Interning: entities and series become small integers once, so that hot-path batches hold only numbers. */

export type Attributes = Readonly<Record<string, string>>;

/** What a fault can be in: a service instance, a host, a pod, a virtual machine. `name` is what people call it. */
export interface Entity {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly attributes: Attributes;
}

/**
 * `gauge`: a level. `counter`: monotonic and cumulative. `delta`: an amount since the last point.
 * `histogram` / `deltaHistogram`: bucket counts, cumulative or since the last point.
 */
export type SeriesKind = "gauge" | "counter" | "delta" | "histogram" | "deltaHistogram";

export interface Series {
  readonly id: number;
  readonly entityId: number;
  readonly metric: string;
  readonly unit: string;
  readonly kind: SeriesKind;
  /** Sorted by key. */
  readonly attributes: Attributes;
}

export interface TableLimits {
  readonly entities: number;
  readonly series: number;
  readonly seriesPerEntity: number;
}

export const DEFAULT_LIMITS: TableLimits = { entities: 100_000, series: 1_000_000, seriesPerEntity: 10_000 };

/** Which resource attributes name an entity, first rule whose `keys[0]` is present wins. */
export interface EntityRule {
  readonly kind: string;
  readonly keys: readonly string[];
}

export const DEFAULT_ENTITY_RULES: readonly EntityRule[] = [
  { kind: "service", keys: ["service.name", "service.namespace", "service.instance.id"] },
  { kind: "pod", keys: ["k8s.pod.name", "k8s.namespace.name"] },
  { kind: "container", keys: ["container.name", "container.id"] },
  { kind: "host", keys: ["host.name"] },
];

/** `{b: 2, a: 1}` becomes `a=1,b=2` with `\`, `,` and `=` escaped: the canonical form that identity rests on. */
export function attributesKey(attributes: Attributes): string {
  const keys = Object.keys(attributes).sort();
  let out = "";
  for (const k of keys) out += `${out === "" ? "" : ","}${escaped(k)}=${escaped(attributes[k] as string)}`;
  return out;
}

const escaped = (s: string) => (/[\\,=]/.test(s) ? s.replace(/[\\,=]/g, "\\$&") : s);

/** Resource attributes to (kind, name); `unknown` when no rule fits. */
export function entityName(attributes: Attributes, rules: readonly EntityRule[] = DEFAULT_ENTITY_RULES) {
  for (const { kind, keys } of rules) {
    const first = attributes[keys[0] as string];
    if (first === undefined || first === "") continue;
    const rest = keys.slice(1).map((k) => attributes[k]);
    return { kind, name: [first, ...rest.filter((v) => v !== undefined && v !== "")].join("/") };
  }
  return { kind: "unknown", name: "unknown" };
}

/**
 * The entities and series of one task. Ids are dense, in order of first sight, never reused.
 * Memory is bounded by `limits`; past a limit `intern*` gives -1 and the caller says so.
 */
export class Tables {
  readonly entities: Entity[] = [];
  readonly series: Series[] = [];
  readonly limits: TableLimits;
  readonly rules: readonly EntityRule[];
  #entityIds = new Map<string, number>();
  #seriesIds = new Map<string, number>();
  #perEntity: number[] = [];

  constructor(limits: TableLimits = DEFAULT_LIMITS, rules: readonly EntityRule[] = DEFAULT_ENTITY_RULES) {
    this.limits = limits;
    this.rules = rules;
  }

  internEntity(attributes: Attributes): number {
    const { kind, name } = entityName(attributes, this.rules);
    return this.internNamed(kind, name, attributes);
  }

  internNamed(kind: string, name: string, attributes: Attributes = {}): number {
    const key = `${kind}:${name}`;
    const known = this.#entityIds.get(key);
    if (known !== undefined) return known;
    const id = this.entities.length;
    if (id >= this.limits.entities) return -1;
    this.entities.push({ id, kind, name, attributes });
    this.#entityIds.set(key, id);
    this.#perEntity.push(0);
    return id;
  }

  /** `attributesKey(attributes)` may be passed as `key` when the caller has it. Gives -1 past a limit. */
  internSeries(
    entityId: number,
    metric: string,
    unit: string,
    kind: SeriesKind,
    attributes: Attributes,
    key = attributesKey(attributes),
  ): number {
    const full = `${entityId}\u0000${metric}\u0000${kind}\u0000${key}`;
    const known = this.#seriesIds.get(full);
    if (known !== undefined) return known;
    const id = this.series.length;
    const own = this.#perEntity[entityId];
    if (own === undefined || id >= this.limits.series || own >= this.limits.seriesPerEntity) return -1;
    const sorted: Record<string, string> = {};
    for (const k of Object.keys(attributes).sort()) sorted[k] = attributes[k] as string;
    this.series.push({ id, entityId, metric, unit, kind, attributes: sorted });
    this.#seriesIds.set(full, id);
    this.#perEntity[entityId] = own + 1;
    return id;
  }

  entityOf(seriesId: number): Entity {
    return this.entities[(this.series[seriesId] as Series).entityId] as Entity;
  }

  /** What a restart needs; rows from `fromEntity` / `fromSeries` on, so that a commit writes only what is new. */
  dump(fromEntity = 0, fromSeries = 0): { entities: Entity[]; series: Series[] } {
    return { entities: this.entities.slice(fromEntity), series: this.series.slice(fromSeries) };
  }

  load(rows: { entities: readonly Entity[]; series: readonly Series[] }): void {
    for (const e of rows.entities) this.internNamed(e.kind, e.name, e.attributes);
    for (const s of rows.series) this.internSeries(s.entityId, s.metric, s.unit, s.kind, s.attributes);
  }
}

/** Name for people: `metric{a=1}`. */
export function seriesName(series: Series): string {
  const key = attributesKey(series.attributes);
  return key === "" ? series.metric : `${series.metric}{${key}}`;
}
