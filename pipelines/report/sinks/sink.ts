import type { Notification } from "../../core/notifications.ts";

/** Where results go. `write` settles once the batch is durable, and may see a batch twice. */
export interface Sink<T> {
  readonly name: string;
  write(batch: readonly T[], signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A notification on its way to one receiver. */
export interface Outgoing {
  readonly notification: Notification;
  /** The same in every try of one notification: receivers that look at it take it once. */
  readonly key: string;
  /** It may have arrived before: a crash came between sending and noting that it was sent. */
  readonly repeated: boolean;
  /** Page of the incident; undefined where the config names no public address. */
  readonly url: string | undefined;
}
