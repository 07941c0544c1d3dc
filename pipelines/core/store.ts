import type { Topic } from "./records.ts";

export interface OutputRecord {
  readonly topic: Topic;
  readonly key: string;
  /** Canonical JSON. */
  readonly value: string;
}

/** One atomic unit: all of it becomes durable, or none. */
export interface Commit {
  /** Source name to position. */
  readonly positions: ReadonlyMap<string, string>;
  /** `task` to chunk key to bytes (`undefined` deletes). */
  readonly state: ReadonlyMap<string, ReadonlyMap<string, Uint8Array | undefined>>;
  readonly outputs: readonly OutputRecord[];
  /** Entries that were written elsewhere, to be chained here in this order. */
  readonly audit?: readonly { planId: string; timeMs: number; event: string; detail: string }[];
}

export interface StoredRecord extends OutputRecord {
  readonly seq: number;
}

export interface LatestOptions {
  readonly key?: string;
  readonly limit?: number;
  readonly afterSeq?: number;
  readonly beforeSeq?: number;
  readonly oldestFirst?: boolean;
  /** Incidents that are not resolved; found as fast among a million as among ten. */
  readonly open?: boolean;
  /** Actions of this incident, found in the same way. */
  readonly incidentId?: string;
}

export interface KeepOptions {
  readonly nowMs: number;
  /** What was last written longer ago goes; some topics sooner. */
  readonly keepMs: number;
}

export interface Forgotten {
  readonly rows: number;
  /** Ids of the incidents among them. */
  readonly incidents: readonly string[];
  /** There may be more: ask again. */
  readonly more: boolean;
}

/** The operational store: atomic commits, the topics' records, and the latest record of each key. */
export interface Store {
  commit(commit: Commit): Promise<void>;
  positions(): Promise<Map<string, string>>;
  state(task: string): Promise<Map<string, Uint8Array>>;
  /** Records of a topic after `seq`, in order of commit. */
  records(topic: Topic, options?: { afterSeq?: number; limit?: number }): Promise<StoredRecord[]>;
  /**
   * Newest record of every key (compacted view), newest first or oldest first; `key` asks for one. Page on from the `seq`
   * of the last: a record that comes meanwhile takes its key's place at the end.
   */
  latest(topic: Topic, options?: LatestOptions): Promise<StoredRecord[]>;
  /** Append-only audit of what people and the executor did, together or not at all; `hash` chains each entry to the one before. */
  audit(...entries: { planId: string; timeMs: number; event: string; detail: string }[]): Promise<void>;
  /** `planIds` asks for entries about these alone: then the chain can't be checked. */
  auditTrail(options?: {
    planIds?: readonly string[];
  }): Promise<{ seq: number; planId: string; timeMs: number; event: string; detail: string; hash: string }[]>;
  /** Removes what is too old, a bounded share of it at a time; open incidents, what belongs to them, and the audit stay. */
  forget(options: KeepOptions): Promise<Forgotten>;
  close(): Promise<void>;
}
