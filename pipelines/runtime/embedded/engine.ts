/** The embedded runtime: all stages in one process, one atomic commit for all of them. */
import type { Message, RawRecord, Topic } from "../../core/records.ts";
import type { Source } from "../../core/source.ts";
import type { Outbox, Stateful } from "../../core/stage.ts";
import type { OutputRecord, Store } from "../../core/store.ts";

/** First stage: reads records of several sources, and says which of them is furthest behind in event time. */
export interface HeadStage extends Stateful {
  readonly name: string;
  readonly version: number;
  join(source: string): void;
  clockOf(source: string): number;
  process(input: RawRecord | { readonly endOf: string }, out: Outbox): void;
  /** See `Stage`. */
  prepare?(input: RawRecord): Promise<void> | undefined;
  prepareRestore?(chunks: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

export interface NextStage extends Stateful {
  readonly name: string;
  readonly version: number;
  process(input: Message, out: Outbox): void;
}

export interface EngineOptions {
  readonly sources: readonly Source[];
  readonly store: Store;
  readonly head: HeadStage;
  /** In order of flow; each gets what the one before it sends. */
  readonly next: readonly NextStage[];
  /** Bytes of records processed between two commits at most. */
  readonly commitBytes?: number;
  readonly readBytes?: number;
  /** True when a commit is due; asked after each batch. */
  readonly commitDue: () => boolean;
  /** True when nothing that is still to come matters; asked after each record. The sources stay as they are. */
  readonly over?: () => boolean;
  readonly onCommitted?: (outputs: readonly OutputRecord[]) => Promise<void> | void;
}

/**
 * Positions, state and outputs of all stages become durable in one transaction, so that a crash at any moment repeats
 * or loses nothing. Sources are read in order of their event-time clocks, record by record: the order rests on the data
 * alone, and a restart goes on with the same choice. Bounded: one read per source and one commit's outputs in memory.
 */
export function engine(options: EngineOptions) {
  const { sources, store, head, next, readBytes = 256 * 1024, commitBytes = 8 * 1024 * 1024 } = options;
  const positions = new Map<string, string>();
  const queues = new Map<string, RawRecord[]>(sources.map((s) => [s.name, []]));
  const ended = new Set<string>();
  let outputs: OutputRecord[] = [];
  let bytes = 0;
  let uncommitted = false;

  const outboxes: Outbox[] = [];
  const emit = (topic: Topic, key: string, record: unknown) => {
    outputs.push({ topic, key, value: JSON.stringify(record) });
  };
  for (let i = next.length; i >= 0; i--) {
    const follower = next[i];
    const out = outboxes[i + 1];
    outboxes[i] = {
      emit,
      send: follower && out ? (m) => follower.process(m, out) : () => {},
    };
  }

  const step = (record: RawRecord) => {
    head.process(record, outboxes[0] as Outbox);
    positions.set(record.source, record.position);
    bytes += record.value.length;
    uncommitted = true;
  };

  return {
    /** Takes up where the last commit ended. */
    async restore(): Promise<void> {
      for (const [source, position] of await store.positions()) positions.set(source, position);
      for (const stage of [head, ...next]) {
        const chunks = await store.state(`${stage.name}.v${stage.version}`);
        if (chunks.size === 0) continue;
        if (stage === head) await head.prepareRestore?.(chunks);
        stage.restore(chunks);
      }
      for (const s of sources) {
        const over = head.clockOf(s.name) === Number.POSITIVE_INFINITY;
        if (over && !(s.grows && !(await s.finished(positions.get(s.name))))) ended.add(s.name);
        else head.join(s.name);
      }
    },
    positionOf: (source: string) => positions.get(source),
    /** Takes in a record that is of no source, before the next that is: a decision that no input tells. */
    async inject(record: RawRecord): Promise<void> {
      await head.prepare?.(record);
      head.process(record, outboxes[0] as Outbox);
      uncommitted = true;
    },
    /** Reads and processes until there is nothing more now; true when all sources have ended. */
    async drain(): Promise<boolean> {
      for (;;) {
        if (options.over?.()) return true;
        const running = sources.filter((s) => !ended.has(s.name));
        if (running.length === 0) return true;
        let source = running[0] as Source;
        for (const s of running) if (head.clockOf(s.name) < head.clockOf(source.name)) source = s;
        const queue = queues.get(source.name) as RawRecord[];
        if (queue.length === 0) {
          const at = positions.get(source.name);
          for (const r of await source.read(at, readBytes)) queue.push(r);
          queue.reverse();
          if (queue.length === 0) {
            if (!(await source.finished(at))) return false;
            ended.add(source.name);
            head.process({ endOf: source.name }, outboxes[0] as Outbox);
            uncommitted = true;
            if (ended.size === sources.length) head.process({ endOf: "" }, outboxes[0] as Outbox);
            continue;
          }
        }
        const record = queue.pop() as RawRecord;
        const preparing = head.prepare?.(record);
        if (preparing) await preparing;
        step(record);
        if (bytes >= commitBytes || options.commitDue()) await this.commit();
      }
    },
    /** The atomic commit. */
    async commit(): Promise<void> {
      if (!uncommitted) return;
      const state = new Map<string, Map<string, Uint8Array | undefined>>();
      for (const stage of [head, ...next]) {
        const chunks = new Map<string, Uint8Array | undefined>();
        stage.snapshot((key, value) => chunks.set(key, value));
        state.set(`${stage.name}.v${stage.version}`, chunks);
      }
      const batch = outputs;
      outputs = [];
      bytes = 0;
      uncommitted = false;
      await store.commit({ positions, state, outputs: batch });
      await options.onCommitted?.(batch);
    },
  };
}
