import { alertmanager } from "./alertmanager.ts";
import { email } from "./email.ts";
import { file } from "./file.ts";
import { jsonl } from "./jsonl.ts";
import { pagerduty } from "./pagerduty.ts";
import { reportFiles } from "./report-files.ts";
import type { Sink } from "./sink.ts";
import { slack } from "./slack.ts";
import { webhook } from "./webhook.ts";

export type { Sink } from "./sink.ts";

/** A new sink: its file, its test, one line here. */
export const sinks = { alertmanager, email, file, jsonl, pagerduty, reportFiles, slack, webhook } satisfies Record<
  string,
  (options: never) => Promise<Sink<never>>
>;
export type SinkName = keyof typeof sinks;
