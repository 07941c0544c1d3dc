/** The examples of docs/formats.md: a block per payload, tagged with its format, and the rows that it gives. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import type { Decoder } from "../../../pipelines/core/signals.ts";
import { type TopicConfig, topicSchema } from "../../../pipelines/core/topic-config.ts";
import { decoderOf } from "../../../pipelines/ingest/decoders/index.ts";
import { encode, type Signal } from "./otlp-proto.ts";
import { packed, writeOne, writeTwo } from "./remote-write-proto.ts";
import { decodeWith } from "./rows.ts";

export interface Example {
  readonly topic: TopicConfig;
  readonly decoder: Decoder;
  readonly payload: Buffer;
  /** As the docs have them. */
  readonly rows: string;
}

const file = join(resolve(import.meta.dirname, "../../.."), "docs/formats.md");
const BLOCK = /```(\w+) ([\w:-]+)\n([\s\S]*?)\n```/g;

/** A payload as its sender writes it; the docs show protobuf as JSON. */
function payloadOf(format: string, text: string): Buffer {
  const otlp = /^otlp-(metrics|logs|traces)-proto$/.exec(format);
  if (otlp) return Buffer.from(encode(otlp[1] as Signal, JSON.parse(text)));
  if (format !== "prometheus-remote-write") return Buffer.from(text);
  const request = JSON.parse(text) as { symbols?: unknown };
  return packed(request.symbols ? writeTwo(request) : writeOne(request));
}

/** Reads the docs; with `update` writes what the decoders give into its `rows` blocks. */
export function examplesOf(update = false): Example[] {
  let docs = readFileSync(file, "utf8");
  const out: Example[] = [];
  let topic: TopicConfig | undefined;
  let last: Omit<Example, "rows"> | undefined;
  docs = docs.replace(BLOCK, (block, language: string, tag: string, text: string) => {
    if (tag === "topic") topic = topicSchema.parse(parse(text));
    else if (tag === "gives") {
      if (!last) throw new Error("rows without an example");
      const rows = update ? rowsText(last) : text;
      out.push({ ...last, rows });
      last = undefined;
      return `\`\`\`${language} gives\n${rows}\n\`\`\``;
    } else if (language !== "yaml") {
      const about = topic?.format === tag ? topic : topicSchema.parse({ name: "example", format: tag });
      topic = undefined;
      last = { topic: about, decoder: decoderOf(about), payload: payloadOf(tag, text) };
    }
    return block;
  });
  if (update) writeFileSync(file, docs);
  return out;
}

/** A row a line, for people. */
export function rowsText({ decoder, payload }: Pick<Example, "decoder" | "payload">): string {
  const r = decodeWith(decoder, payload, undefined, "kafka:web.example/0");
  const at = (ms: unknown) => new Date(ms as number).toISOString().slice(11, 23);
  const attributes = (a: unknown) =>
    Object.entries(a as object)
      .map(([k, v]) => `${k}=${v}`)
      .join(" ");
  return [
    ...r.points.map(([series, time, , value]) => `${at(time)} ${String(series).trim()} = ${value}`),
    ...r.histograms.map(
      (h) =>
        `${at(h.timeMs)} ${h.series.trim()} = ${h.counts.map((c, i) => `${c} to ${h.upper[i]}`).join(", ")}; count ${h.count}, sum ${h.sum}`,
    ),
    ...r.logs.map(([entity, time, severity, body, a]) =>
      `${at(time)} ${entity} log ${severity} ${JSON.stringify(body)} ${attributes(a)}`.trimEnd(),
    ),
    ...r.spans.map(
      ([entity, time, duration, kind, error, , , , operation, peer]) =>
        `${at(time)} ${entity} span ${operation} kind ${kind} ${duration} ms${error ? " error" : ""}${peer ? ` calls ${peer}` : ""}`,
    ),
    ...r.rejected.map((x) => `rejected ${x.code} ${x.detail} (${x.rows})`),
  ].join("\n");
}
