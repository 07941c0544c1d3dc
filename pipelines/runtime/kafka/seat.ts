/** Where a task runs in this process, from one assignment to the next: its memory, its writer, its commits. */
import type { Clock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import { backoff } from "../../tolerance/backoff.ts";
import { timeLimit } from "../../tolerance/time-limit.ts";
import { newestProgress, readChangelog, reread } from "./changelog.ts";
import { PROGRESS, type Produced, type Sealed, Task, type TaskStage } from "./task.ts";
import type { Reader, Transport, Writer, Written } from "./transport.ts";

export interface SeatOptions {
  readonly transport: Transport;
  /** Opens input and changelog topics for restoring; shared by the groups of a process. */
  readonly reader: () => Promise<Reader>;
  readonly groupId: string;
  /** Compacted, one partition a task. */
  readonly changelog: string;
  readonly stage: (partition: number) => TaskStage;
  readonly clock: Clock;
  /** Time between two writes of the state, ms: bounds what a restart takes in again. */
  readonly stateMs: number;
  readonly sessionMs: number;
  readonly onCommitted?: (outputs: readonly Produced[], task: number) => void;
  readonly onEvent: (event: SeatEvent) => void;
}

export type SeatEvent =
  | { readonly kind: "restoring"; readonly task: number; readonly records: number; readonly ofRecords: number }
  | { readonly kind: "restored"; readonly task: number; readonly chunks: number; readonly ms: number }
  | { readonly kind: "kept"; readonly task: number }
  | {
      readonly kind: "retrying";
      readonly task: number;
      readonly during: "opening" | "commit";
      readonly error: PipelineError;
    }
  | {
      readonly kind: "committed";
      readonly task: number;
      readonly ms: number;
      /** Of all that was written; of the state in it. */
      readonly bytes: number;
      readonly stateBytes: number;
    };

/** Input that a restart would take in again, at most, bytes. */
const REREAD_BYTES = 256 * 1024 * 1024;
const REOPEN = { firstMs: 500, longestMs: 5000 };
/** The brokers have given a transaction up long before: whoever still waits for it waits for nothing. */
const inTime = timeLimit(60_000);
/** A task that fails this often in a row without a commit between has met something that waiting does not mend. */
const MAX_FAILURES = 30;

/**
 * What makes it exactly once, whoever else thinks that the task is his: each opening makes a new writer first, which
 * fences whoever wrote before and settles his last transaction, and only then looks at what is committed. Openings come
 * one after another and begin when the last commit has ended; nothing is taken in or committed while one is under way.
 */
export class Seat {
  readonly partition: number;
  readonly #options: SeatOptions;
  /** In memory also while the seat is not ready: it may turn out to be the newest still. */
  #task: Task | undefined;
  #writer: Writer | undefined;
  /** How our last commit ended; undefined before the first and after a failure. */
  #progress: Uint8Array | undefined;
  #ready = false;
  /** Raised by each opening asked for and by leaving: what began before is over. */
  #epoch = 0;
  #closed = false;
  #opening: Promise<void> = Promise.resolve();
  #commit: Promise<void> = Promise.resolve();
  #committing = false;
  #failures = 0;
  readonly #wait = backoff(REOPEN);
  #committedMs: number;
  #stateMs: number;

  constructor(partition: number, options: SeatOptions) {
    this.partition = partition;
    this.#options = options;
    this.#committedMs = this.#stateMs = options.clock.nowMs();
  }

  /** The task, while records may be given to it. */
  get task(): Task | undefined {
    return this.#ready ? this.#task : undefined;
  }
  get holdsState(): boolean {
    return this.#task !== undefined;
  }
  get committing(): boolean {
    return this.#committing;
  }
  get committedMs(): number {
    return this.#committedMs;
  }
  get stage(): TaskStage | undefined {
    return this.#task?.stage;
  }

  /** Opens, again and again until it works. `onReady` says where to read on. Rejects with what waiting does not mend. */
  open(onReady: (task: Task) => void): Promise<void> {
    const epoch = ++this.#epoch;
    this.#ready = false;
    this.#opening = this.#opening.then(async () => {
      await this.#commit.catch(() => {});
      while (!this.#over(epoch)) {
        try {
          const task = await this.#enter(epoch);
          if (task === undefined || this.#over(epoch)) return;
          this.#committedMs = this.#options.clock.nowMs();
          this.#ready = true;
          onReady(task);
          return;
        } catch (cause) {
          const error = failed(`${this.#options.groupId}/${this.partition}`, cause);
          await this.#drop();
          if (this.#over(epoch)) return;
          this.#failures += 1;
          if (!error.retriable || this.#failures >= MAX_FAILURES) throw error;
          this.#options.onEvent({ kind: "retrying", task: this.partition, during: "opening", error });
          await new Promise((resolve) => setTimeout(resolve, this.#wait.next()));
        }
      }
    });
    const opening = this.#opening;
    this.#opening = opening.catch(() => {});
    return opening;
  }

  #over(epoch: number): boolean {
    return this.#closed || this.#epoch !== epoch;
  }

  async #enter(epoch: number): Promise<Task | undefined> {
    const { transport, changelog, clock, onEvent, groupId, sessionMs } = this.#options;
    const over = () => this.#over(epoch);
    const before = this.#writer;
    this.#writer = undefined;
    await before?.close();
    const id = `${groupId}-${this.partition}`;
    const opened = transport.writer(id, { timeoutMs: Math.max(10_000, sessionMs) });
    try {
      this.#writer = await inTime.execute(() => opened);
    } catch (error) {
      // One that comes too late would hold its connection, and with it the process, for ever.
      opened.then((late) => late.close()).catch(() => {});
      throw error;
    }
    if (this.#closed) await this.#drop();
    if (over()) return undefined;
    const reader = await this.#options.reader();
    if (this.#task && this.#progress) {
      const newest = await newestProgress(transport, reader, changelog, this.partition);
      if (newest !== undefined && Buffer.compare(newest, this.#progress) === 0) {
        onEvent({ kind: "kept", task: this.partition });
        return this.#task;
      }
    }
    this.#task = undefined;
    const began = clock.nowMs();
    const stored = await readChangelog(transport, reader, changelog, this.partition, (records, ofRecords) => {
      onEvent({ kind: "restoring", task: this.partition, records, ofRecords });
      return over();
    });
    if (over()) return undefined;
    const task = new Task(this.partition, this.#options.stage(this.partition));
    const again = (topic: string, from: bigint, until: bigint) =>
      reread(reader, topic, this.partition, from, until, over);
    await task.restore(stored, again, `${changelog}/${this.partition}`);
    if (over()) return undefined;
    this.#task = task;
    this.#progress = stored.get(PROGRESS);
    this.#stateMs = clock.nowMs();
    onEvent({ kind: "restored", task: this.partition, chunks: stored.size, ms: clock.nowMs() - began });
    return task;
  }

  /**
   * Makes everything so far durable, behind the commits under way. Rejects when that failed: memory is dropped then,
   * and `onFailed` of `commit` is to open the seat again. Does nothing while the seat is not ready.
   */
  commit(onFailed: () => void, withState = false): Promise<void> {
    const task = this.task;
    const writer = this.#writer;
    if (!task || !writer || (!task.changed && !withState)) return this.#commit;
    const epoch = this.#epoch;
    const now = this.#options.clock.nowMs();
    const due = now - this.#stateMs >= this.#options.stateMs || task.rereadBytes >= REREAD_BYTES;
    const writeState = withState || due || task.mustWriteState;
    const sealed = task.seal(writeState);
    this.#committedMs = now;
    if (writeState) this.#stateMs = now;
    this.#committing = true;
    const before = this.#commit.catch(() => {});
    const commit = before.then(async () => {
      try {
        // One before this may have failed: then the memory that this was sealed from is gone.
        if (this.#task !== task || this.#writer !== writer) throw new Error("the commit before this one failed");
        const { groupId } = this.#options;
        await inTime.execute(() => writer.commit(this.#records(sealed), groupId, this.partition, sealed.positions));
        this.#progress = sealed.progress;
        this.#failures = 0;
        this.#wait.reset();
      } catch (cause) {
        if (this.#task === task) {
          this.#ready = false;
          await this.#drop();
          this.#failures += 1;
          const error = failed(`${this.#options.groupId}/${this.partition}`, cause);
          this.#options.onEvent({ kind: "retrying", task: this.partition, during: "commit", error });
          if (!this.#over(epoch)) setTimeout(onFailed, this.#wait.next());
        }
        throw cause;
      } finally {
        this.#committing = false;
      }
      const ms = this.#options.clock.nowMs() - now;
      const { bytes, stateBytes } = sealed;
      this.#options.onEvent({ kind: "committed", task: this.partition, ms, bytes, stateBytes });
      this.#options.onCommitted?.(sealed.outputs, this.partition);
    });
    this.#commit = commit;
    commit.catch(() => {});
    return commit;
  }

  *#records({ outputs, changelog }: Sealed): Generator<Written> {
    yield* outputs;
    const { partition } = this;
    for (const [key, value] of changelog) yield { topic: this.#options.changelog, partition, key, value };
  }

  /** Nothing more goes in; what is on its way to the broker may still end well. */
  pause(): void {
    this.#ready = false;
  }

  /** A last commit with all state, if the seat is ready; then it is closed. */
  async leave(): Promise<void> {
    const last = this.commit(() => {}, true).catch(() => {});
    this.#ready = false;
    await last;
    await this.close();
  }

  /** The task is somebody else's, or the state in memory is not to be trusted: nothing of it is committed any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ready = false;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    this.#task = undefined;
    this.#progress = undefined;
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }
}

/** Waiting longer than the broker does is an error like others: what came of it is seen by opening again. */
function failed(where: string, cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause;
  return new PipelineError("KAFKA_FAILED", where, { detail: (cause as Error).message, retriable: true, cause });
}
