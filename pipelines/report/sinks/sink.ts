/** Where results go. `write` settles once the batch is durable, and may see a batch twice. */
export interface Sink<T> {
  readonly name: string;
  write(batch: readonly T[]): Promise<void>;
  close(): Promise<void>;
}
