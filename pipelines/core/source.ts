import type { RawRecord } from "./records.ts";

/** A log that can be read from any position: a journal, a file, a Kafka partition. */
export interface Source {
  readonly name: string;
  /** True for a log that has an end each time it is opened, and may hold more the next time. */
  readonly grows?: boolean;
  /** Up to about `maxBytes` of records after `position` (`undefined`: the start). Empty: nothing there now. */
  read(position: string | undefined, maxBytes: number): Promise<readonly RawRecord[]>;
  /** True when nothing will ever follow. */
  finished(position: string | undefined): Promise<boolean>;
  close(): Promise<void>;
}
