/** Alerts of many incidents: a JSON list of `{id, nodes, metric_events, log_events, trace_events}`, plain or gzip. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { AlertCase } from "../../core/alert-case.ts";
import { PipelineError } from "../../core/errors.ts";

const LARGEST = 512 * 1024 * 1024;

/** @throws PipelineError SOURCE_UNREADABLE, DECODE_BAD_JSON, DECODE_BAD_FIELD with the place in the list */
export async function readAlerts(path: string): Promise<AlertCase[]> {
  const bytes = await readFile(path).catch((cause) => {
    throw new PipelineError("SOURCE_UNREADABLE", path, { detail: (cause as Error).message, cause });
  });
  let json: unknown;
  try {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: LARGEST }) : bytes;
    json = JSON.parse(plain.toString("utf8").replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new PipelineError("DECODE_BAD_JSON", path, { detail: (cause as Error).message, cause });
  }
  if (!Array.isArray(json)) throw new PipelineError("DECODE_BAD_FIELD", path, { detail: "not a list of incidents" });
  return json.map((c: unknown, i) => caseOf(c, `${path}, [${i}]`));
}

function caseOf(json: unknown, where: string): AlertCase {
  const c = (json ?? {}) as Record<string, unknown>;
  const bad = (detail: string) => new PipelineError("DECODE_BAD_FIELD", where, { detail });
  if (typeof c.id !== "string" || c.id === "") throw bad("`id` is not a name");
  if (!Array.isArray(c.nodes) || c.nodes.some((n) => typeof n !== "string"))
    throw bad("`nodes` is not a list of names");
  const events = (field: string, width: number): string[][] => {
    const list = c[field] ?? [];
    if (!Array.isArray(list)) throw bad(`\`${field}\` is not a list`);
    return list.map((e: unknown, k) => {
      if (!Array.isArray(e) || e.length < width) throw bad(`${field}[${k}] has not ${width} parts`);
      return e.map(String);
    });
  };
  return {
    id: c.id,
    nodes: [...new Set(c.nodes as string[])],
    metrics: events("metric_events", 3).map(([node = "", metric = "", direction = ""]) => ({
      node,
      metric,
      direction,
    })),
    logs: events("log_events", 2).map(([node = "", template = ""]) => ({ node, template })),
    calls: events("trace_events", 4).map(([caller = "", callee = "", operation = "", kind = ""]) => ({
      caller,
      callee,
      operation,
      kind,
    })),
  };
}
