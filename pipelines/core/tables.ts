/** Interning: entities and series become small integers once, so that hot-path batches hold only numbers. */
import { finish, grown, mix, RowIndex } from "./interning.ts";

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
  { kind: "vm", keys: ["vm.name"] },
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

/** Kinds by their code in `Tables.kinds`. */
export const SERIES_KINDS: readonly SeriesKind[] = ["gauge", "counter", "delta", "histogram", "deltaHistogram"];
export const COUNTER = SERIES_KINDS.indexOf("counter");

export interface TableRows {
  readonly entities: readonly Entity[];
  readonly series: readonly Series[];
}

/**
 * The entities and series of one task. Ids are dense, in order of first sight, never reused. Series are columns of
 * interned numbers; `seriesAt` makes the object. Memory: about 30 bytes a series, and each distinct string and set of
 * attributes once. Bounded by `limits`; past a limit `intern*` gives -1 and the caller says so.
 */
export class Tables {
  readonly entities: Entity[] = [];
  readonly limits: TableLimits;
  readonly rules: readonly EntityRule[];
  #entityKeys = new Map<string, number>();
  #perEntity: number[] = [];
  #strings: string[] = [];
  #stringIds = new Map<string, number>();

  #count = 0;
  #entity = new Uint32Array(64);
  #kind = new Uint8Array(64);
  #metric = new Uint32Array(64);
  #unit = new Uint32Array(64);
  #set = new Uint32Array(64);
  #index = new RowIndex((row) =>
    seriesHash(
      this.#entity[row] as number,
      this.#metric[row] as number,
      this.#kind[row] as number,
      this.#set[row] as number,
    ),
  );

  /** Set i holds pairs (key, value) of string ids at `#pairs[#setEnd[i - 1], #setEnd[i])`, sorted by key. */
  #sets = 0;
  #setEnd = new Uint32Array(64);
  #pairs = new Uint32Array(256);
  #setIndex = new RowIndex((row) => hashOf(this.#pairs, this.#setFrom(row), this.#setEnd[row] as number));
  #wanted = new Uint32Array(64);

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
    const known = this.#entityKeys.get(key);
    if (known !== undefined) return known;
    const id = this.entities.length;
    if (id >= this.limits.entities) return -1;
    this.entities.push({ id, kind, name, attributes });
    this.#entityKeys.set(key, id);
    this.#perEntity.push(0);
    return id;
  }

  /** An entity that is known was met again, by its id. */
  hear(_id: number): void {}

  /** Gives -1 past a limit. The unit is no part of the identity: the first one stays. */
  internSeries(entityId: number, metric: string, unit: string, kind: SeriesKind, attributes: Attributes): number {
    const room = this.#room(entityId);
    const m = this.#string(metric, room);
    const set = this.#internSet(attributes, room);
    if (m < 0 || set < 0) return -1;
    return this.#intern(entityId, m, unit, SERIES_KINDS.indexOf(kind), set, room);
  }

  /** A gauge of the same entity and attributes as a known series; -1 past a limit. */
  internDerived(seriesId: number, metric: string, unit: string): number {
    const entityId = this.#entity[seriesId] as number;
    const room = this.#room(entityId);
    const m = this.#string(metric, room);
    return m < 0 ? -1 : this.#intern(entityId, m, unit, 0, this.#set[seriesId] as number, room);
  }

  get seriesCount(): number {
    return this.#count;
  }
  /** Entity of each series: one slot a series, more behind. Replaced as series come: don't keep. */
  get entityIds(): Uint32Array {
    return this.#entity;
  }
  /** Kind of each series, a place in `SERIES_KINDS`. As `entityIds`. */
  get kinds(): Uint8Array {
    return this.#kind;
  }

  seriesAt(id: number): Series | undefined {
    if (!(id >= 0 && id < this.#count)) return undefined;
    const set = this.#set[id] as number;
    const attributes: Record<string, string> = {};
    for (let i = this.#setFrom(set); i < (this.#setEnd[set] as number); i += 2)
      attributes[this.#strings[this.#pairs[i] as number] as string] = this.#strings[
        this.#pairs[i + 1] as number
      ] as string;
    return {
      id,
      entityId: this.#entity[id] as number,
      metric: this.#strings[this.#metric[id] as number] as string,
      unit: this.#strings[this.#unit[id] as number] as string,
      kind: SERIES_KINDS[this.#kind[id] as number] as SeriesKind,
      attributes,
    };
  }

  entityOf(seriesId: number): Entity {
    return this.entities[this.#entity[seriesId] as number] as Entity;
  }

  /** What a restart needs; rows from `fromEntity` / `fromSeries` on, so that a commit writes only what is new. */
  dump(fromEntity = 0, fromSeries = 0, maxSeries = Number.POSITIVE_INFINITY): TableRows {
    const series: Series[] = [];
    const end = Math.min(this.#count, fromSeries + maxSeries);
    for (let id = fromSeries; id < end; id++) series.push(this.seriesAt(id) as Series);
    return { entities: this.entities.slice(fromEntity), series };
  }

  /** As `dump`, in parts of at most `DUMP_ROWS` series: a million rows at once would be a gigabyte of objects. */
  *dumps(fromEntity = 0, fromSeries = 0): Generator<TableRows> {
    for (let at = fromSeries; at < this.#count || (at === fromSeries && fromEntity < this.entities.length); ) {
      yield this.dump(at === fromSeries ? fromEntity : this.entities.length, at, DUMP_ROWS);
      at += DUMP_ROWS;
    }
  }

  load(rows: TableRows): void {
    for (const e of rows.entities) this.internNamed(e.kind, e.name, e.attributes);
    for (const s of rows.series) this.internSeries(s.entityId, s.metric, s.unit, s.kind, s.attributes);
  }

  /** Whether the entity may have one more series. Where not, nothing is added, strings neither. */
  #room(entityId: number): boolean {
    const own = this.#perEntity[entityId];
    return own !== undefined && this.#count < this.limits.series && own < this.limits.seriesPerEntity;
  }

  #string(text: string, add: boolean): number {
    const known = this.#stringIds.get(text);
    if (known !== undefined) return known;
    if (!add) return -1;
    this.#strings.push(text);
    this.#stringIds.set(text, this.#strings.length - 1);
    return this.#strings.length - 1;
  }

  #setFrom(set: number): number {
    return set === 0 ? 0 : (this.#setEnd[set - 1] as number);
  }

  #internSet(attributes: Attributes, add: boolean): number {
    const keys = Object.keys(attributes).sort();
    const n = keys.length * 2;
    this.#wanted = grown(this.#wanted, n);
    const wanted = this.#wanted;
    for (let i = 0; i < keys.length; i++) {
      const key = this.#string(keys[i] as string, add);
      const value = this.#string(attributes[keys[i] as string] as string, add);
      if (key < 0 || value < 0) return -1;
      wanted[2 * i] = key;
      wanted[2 * i + 1] = value;
    }
    const index = this.#setIndex;
    let at = index.start(hashOf(wanted, 0, n));
    for (let set = index.row(at); set >= 0; at = index.next(at), set = index.row(at)) {
      const from = this.#setFrom(set);
      if ((this.#setEnd[set] as number) - from !== n) continue;
      let i = 0;
      while (i < n && this.#pairs[from + i] === wanted[i]) i++;
      if (i === n) return set;
    }
    if (!add) return -1;
    const set = this.#sets++;
    const from = this.#setFrom(set);
    this.#pairs = grown(this.#pairs, from + n);
    this.#pairs.set(wanted.subarray(0, n), from);
    this.#setEnd = grown(this.#setEnd, set + 1);
    this.#setEnd[set] = from + n;
    index.put(at, set);
    return set;
  }

  #intern(entityId: number, metric: number, unit: string, kind: number, set: number, add: boolean): number {
    const index = this.#index;
    let at = index.start(seriesHash(entityId, metric, kind, set));
    for (let row = index.row(at); row >= 0; at = index.next(at), row = index.row(at))
      if (
        this.#set[row] === set &&
        this.#metric[row] === metric &&
        this.#entity[row] === entityId &&
        this.#kind[row] === kind
      )
        return row;
    if (!add) return -1;
    const id = this.#count++;
    this.#entity = grown(this.#entity, id + 1);
    this.#kind = grown(this.#kind, id + 1);
    this.#metric = grown(this.#metric, id + 1);
    this.#unit = grown(this.#unit, id + 1);
    this.#set = grown(this.#set, id + 1);
    this.#entity[id] = entityId;
    this.#kind[id] = kind;
    this.#metric[id] = metric;
    this.#unit[id] = this.#string(unit, true);
    this.#set[id] = set;
    index.put(at, id);
    this.#perEntity[entityId] = (this.#perEntity[entityId] as number) + 1;
    return id;
  }
}

const DUMP_ROWS = 4096;

const seriesHash = (entityId: number, metric: number, kind: number, set: number) =>
  finish(mix(mix(mix(kind, entityId), metric), set));

function hashOf(words: Uint32Array, from: number, to: number): number {
  let h = to - from;
  for (let i = from; i < to; i++) h = mix(h, words[i] as number);
  return finish(h);
}

/** Name for people: `metric{a=1}`. */
export function seriesName(series: Series): string {
  const key = attributesKey(series.attributes);
  return key === "" ? series.metric : `${series.metric}{${key}}`;
}
