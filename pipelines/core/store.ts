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
}

export interface StoredRecord extends OutputRecord {
  readonly seq: number;
}

/** The operational store: atomic commits, the topics' records, and the latest record of each key. */
export interface Store {
  commit(commit: Commit): Promise<void>;
  positions(): Promise<Map<string, string>>;
  state(task: string): Promise<Map<string, Uint8Array>>;
  /** Records of a topic after `seq`, in order of commit. */
  records(topic: Topic, options?: { afterSeq?: number; limit?: number }): Promise<StoredRecord[]>;
  /** Newest record of every key (compacted view), newest first; `key` asks for one. */
  latest(topic: Topic, options?: { key?: string; limit?: number }): Promise<StoredRecord[]>;
  /** Append-only audit of actions; `hash` chains each entry to the one before. */
  audit(entry: { planId: string; timeMs: number; event: string; detail: string }): Promise<void>;
  auditTrail(): Promise<{ seq: number; planId: string; timeMs: number; event: string; detail: string; hash: string }[]>;
  close(): Promise<void>;
}
