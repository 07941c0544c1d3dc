import { jsonl } from "./jsonl.ts";
import { reportFiles } from "./report-files.ts";
import type { Sink } from "./sink.ts";

export type { Sink } from "./sink.ts";

/** A new sink: its file, its test, one line here. */
export const sinks = { jsonl, reportFiles } satisfies Record<string, (options: never) => Promise<Sink<never>>>;
export type SinkName = keyof typeof sinks;
