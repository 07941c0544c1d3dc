/** One stage on one partition: state, positions, and what the next commit will hold. No client library here. */
import { PipelineError } from "../../core/errors.ts";
import type { Stateful } from "../../core/stage.ts";

export interface TaskRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record to be produced. */
export interface Produced {
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timestampMs?: number;
}

/** A pure, deterministic function of (state, record) to (state, records). */
export interface TaskStage extends Stateful {
  readonly name: string;
  /** Raised when stored state of an older version can't be read. */
  readonly version: number;
  process(record: TaskRecord, produce: (record: Produced) => void): void;
  /** Nothing has come in this topic for `deltaMs` more: its event time goes on by as much. */
  tick?(topic: string, deltaMs: number, produce: (record: Produced) => void): void;
  /** What has to be in memory before this record is processed; undefined: nothing. Asked of decisions alone. */
  prepare?(record: TaskRecord): Promise<void> | undefined;
  /** The same before these chunks are restored. */
  prepareRestore?(chunks: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

/** All that becomes durable in one transaction. */
export interface Sealed {
  readonly outputs: readonly Produced[];
  /** Topic to the offset to go on from. */
  readonly positions: ReadonlyMap<string, bigint>;
  /** Records of the changelog, null deletes. */
  readonly changelog: readonly (readonly [key: string, value: Uint8Array | null])[];
  /** The last record of the changelog: no two commits have the same. */
  readonly progress: Uint8Array;
  readonly bytes: number;
  /** Of `bytes`, what the changelog takes. */
  readonly stateBytes: number;
}

/** What has been taken in since the state was last written: of which topic, up to which offset or for how long nothing. */
type Run = readonly [topic: string, until: string] | readonly [topic: string, silentMs: number];

interface Progress {
  readonly stage: string;
  /** Where the written state stands. */
  readonly from: readonly (readonly [topic: string, offset: string])[];
  /** What must be taken in again to get from there to here. */
  readonly runs: readonly Run[];
}

/** Key of the record that ends each commit to the changelog. */
export const PROGRESS = "~progress";
/** Kafka's limit on a record is 1 MiB by default. */
const PART_BYTES = 512 * 1024;
const MAX_RUNS = 5000;

/** Reads records `[from, until)` of an input, in order. */
export type Reread = (topic: string, from: bigint, until: bigint) => AsyncIterable<TaskRecord>;

/**
 * State is written less often than it is committed: a commit holds positions, outputs and the order in which records
 * and silence came since the state was written. Because stages are deterministic, taking the same in again leads to the
 * same state; what it gives out then is already committed and is dropped.
 */
export class Task {
  readonly partition: number;
  readonly stage: TaskStage;
  #positions = new Map<string, bigint>();
  #from = new Map<string, bigint>();
  #runs: Run[] = [];
  #outputs: Produced[] = [];
  #bytes = 0;
  #changed = false;
  /** Bytes of input that a restart would have to take in again. */
  #rereadBytes = 0;
  /** Parts written for a chunk, where more than one. */
  #parts = new Map<string, number>();
  #discard = false;
  #produce = (record: Produced): void => {
    if (this.#discard) return;
    this.#outputs.push(record);
    this.#bytes += record.value.length + 100;
  };

  constructor(partition: number, stage: TaskStage) {
    this.partition = partition;
    this.stage = stage;
  }

  /** Where to read on; undefined for a topic never read. */
  position(topic: string): bigint | undefined {
    return this.#positions.get(topic);
  }
  /** Something to commit. */
  get changed(): boolean {
    return this.#changed;
  }
  /** Of outputs that wait for the commit. */
  get pendingBytes(): number {
    return this.#bytes;
  }
  get rereadBytes(): number {
    return this.#rereadBytes;
  }
  /** The order of inputs is kept in memory and in each commit: it must not grow for ever. */
  get mustWriteState(): boolean {
    return this.#runs.length >= MAX_RUNS;
  }

  /** Takes a record in; `reach` then says how far the topic has been read, before anything is sealed. */
  process(record: TaskRecord): void {
    this.stage.process(record, this.#produce);
    this.#rereadBytes += record.value.length + 100;
  }

  /** Read up to here: what lay before it was processed, or is nothing for us (markers, aborted or deleted records). */
  reach(topic: string, offset: bigint): void {
    if (offset <= (this.#positions.get(topic) ?? 0n)) return;
    this.#positions.set(topic, offset);
    const last = this.#runs.at(-1);
    if (last?.[0] === topic && typeof last[1] === "string") this.#runs[this.#runs.length - 1] = [topic, String(offset)];
    else this.#runs.push([topic, String(offset)]);
    this.#changed = true;
  }

  tick(topic: string, deltaMs: number): void {
    if (!this.stage.tick) return;
    this.stage.tick(topic, deltaMs, this.#produce);
    this.#runs.push([topic, deltaMs]);
    this.#changed = true;
  }

  /** Hands over everything since the last call. `writeState`: the changed state too. */
  seal(writeState: boolean): Sealed {
    const changelog: [string, Uint8Array | null][] = [];
    let stateBytes = 0;
    if (writeState) {
      this.stage.snapshot((key, value) => {
        for (const entry of this.#partsOf(key, value)) changelog.push(entry);
      });
      this.#from = new Map(this.#positions);
      this.#runs = [];
      this.#rereadBytes = 0;
    }
    const told: Progress = {
      stage: `${this.stage.name}.v${this.stage.version}`,
      from: [...this.#from].map(([topic, offset]) => [topic, String(offset)]),
      runs: this.#runs,
    };
    const ending = Buffer.from(JSON.stringify(told));
    changelog.push([PROGRESS, ending]);
    for (const [, value] of changelog) stateBytes += value?.length ?? 0;
    const sealed = {
      outputs: this.#outputs,
      positions: new Map(this.#positions),
      changelog,
      progress: ending,
      bytes: this.#bytes + stateBytes,
      stateBytes,
    };
    this.#outputs = [];
    this.#bytes = 0;
    this.#changed = false;
    return sealed;
  }

  *#partsOf(key: string, value: Uint8Array | undefined): Generator<[string, Uint8Array | null]> {
    const count = value === undefined ? 0 : Math.max(1, Math.ceil(value.length / PART_BYTES));
    for (let i = 0; i < count; i++)
      yield [partKey(key, i), (value as Uint8Array).subarray(i * PART_BYTES, (i + 1) * PART_BYTES)];
    for (let i = count; i < (this.#parts.get(key) ?? 1); i++) yield [partKey(key, i), null];
    if (count > 1) this.#parts.set(key, count);
    else this.#parts.delete(key);
  }

  /**
   * Takes over a changelog (newest value of each key) and takes in again what came after it.
   * @throws PipelineError STATE_MISMATCH when another version wrote it or a part is missing
   */
  async restore(changelog: ReadonlyMap<string, Uint8Array>, reread: Reread, where: string): Promise<void> {
    const bytes = changelog.get(PROGRESS);
    if (bytes === undefined) return;
    const progress = JSON.parse(Buffer.from(bytes).toString("utf8")) as Progress;
    const own = `${this.stage.name}.v${this.stage.version}`;
    if (progress.stage !== own)
      throw new PipelineError("STATE_MISMATCH", where, {
        detail: `written by ${progress.stage}, this is ${own}`,
        hint: "run the version that wrote it, or choose another prefix to begin anew",
      });
    const chunks = this.#assemble(changelog, where);
    if (chunks.size > 0) {
      await this.stage.prepareRestore?.(chunks);
      this.stage.restore(chunks);
    }
    for (const [topic, offset] of progress.from) {
      this.#positions.set(topic, BigInt(offset));
      this.#from.set(topic, BigInt(offset));
    }
    this.#discard = true;
    for (const [topic, until] of progress.runs) {
      if (typeof until === "number") {
        this.tick(topic, until);
        continue;
      }
      for await (const record of reread(topic, this.#positions.get(topic) ?? 0n, BigInt(until))) {
        await this.stage.prepare?.(record);
        this.process(record);
      }
      this.reach(topic, BigInt(until));
    }
    this.#discard = false;
    this.#changed = false;
  }

  #assemble(changelog: ReadonlyMap<string, Uint8Array>, where: string): Map<string, Uint8Array> {
    const parts = new Map<string, Uint8Array[]>();
    for (const [key, value] of changelog) {
      if (key === PROGRESS) continue;
      const at = key.lastIndexOf("#");
      const name = key.slice(0, at);
      const list = parts.get(name) ?? [];
      list[Number(key.slice(at + 1))] = value;
      parts.set(name, list);
    }
    const chunks = new Map<string, Uint8Array>();
    for (const [name, list] of parts) {
      for (let i = 0; i < list.length; i++)
        if (list[i] === undefined)
          throw new PipelineError("STATE_MISMATCH", where, { detail: `part ${i} of ${name} is missing` });
      chunks.set(name, list.length === 1 ? (list[0] as Uint8Array) : Buffer.concat(list));
      if (list.length > 1) this.#parts.set(name, list.length);
    }
    return chunks;
  }
}

const partKey = (key: string, part: number) => `${key}#${part}`;
