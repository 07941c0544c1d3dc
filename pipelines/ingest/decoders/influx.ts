/**
 * InfluxDB line protocol, Telegraf's default: `cpu,host=web-1,cpu=cpu0 usage_user=0.5,usage_idle=99i 1458229140000000000`.
 * Tags `service` (or `service.name`) and `host` say whom a line is about, the others become attributes. Every number is a
 * gauge named `measurement.field` (a field `value` only `measurement`), a boolean 1 or 0; strings are left out. Time: ns,
 * us, ms or s by its size; without one, arrival. Throws only LIMIT_BYTES, for a line that was too long to read.
 * @see InfluxDB line protocol reference, v2
 */
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { attempt, BadRow } from "./otlp-json.ts";
import { linesOf, textOf, timeIn } from "./plain.ts";
import { fieldName, type Tagged, taggedPoints } from "./tagged.ts";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+[iu]$/;
const TRUE = /^(t|T|true|True|TRUE)$/;
const FALSE = /^(f|F|false|False|FALSE)$/;

export const influx: Decoder = {
  name: "influx",
  decode(record, into) {
    for (const line of linesOf(textOf(record))) {
      if (line.startsWith("#") || line.trim() === "") continue;
      attempt(into, () => oneLine(line, record, into));
    }
  },
};

function oneLine(line: string, record: { source: string; ingestTimeMs: number }, sink: SignalSink): void {
  const [head = "", fields = "", time = "", ...rest] = split(line.trim(), " ");
  if (fields === "" || rest.length > 0) throw new BadRow("not `measurement,tags fields time`");
  const [name = "", ...tags] = split(head, ",");
  const measurement = unescaped(name);
  if (measurement === "") throw new BadRow("no measurement");
  const attributes = Object.fromEntries(
    tags.map((tag) => {
      const [key, value] = pair(tag, "tag");
      return [key, unescaped(value)];
    }),
  );
  const timeMs = time === "" ? record.ingestTimeMs : timeOf(time);
  const points: Tagged[] = [];
  for (const [key, text] of split(fields, ",").map((f) => pair(f, "field"))) {
    if (text.startsWith('"')) continue;
    const value = numberOf(text);
    if (value === undefined) sink.reject("DECODE_BAD_FIELD", `field ${key}: not a number`);
    else points.push({ metric: fieldName(measurement, key), kind: "gauge", value });
  }
  taggedPoints(attributes, timeMs, points, record, sink);
}

function pair(text: string, what: string): [key: string, value: string] {
  const [key = "", ...value] = split(text, "=");
  if (key === "" || value.length === 0) throw new BadRow(`a ${what} without a key or value`);
  return [unescaped(key), value.join("=")];
}

function numberOf(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  if (INTEGER.test(text)) return Number(text.slice(0, -1));
  if (TRUE.test(text)) return 1;
  if (FALSE.test(text)) return 0;
  return /^[+-]?(nan|inf)$/i.test(text) ? Number.NaN : undefined;
}

/** Whole ms; the unit is the one that puts the time between 1973 and 5138. */
function timeOf(text: string): number {
  return /^-?\d{1,19}$/.test(text) ? timeIn(text, "auto") : Number.NaN;
}

/** Parts between separators that are neither escaped nor in a quoted string. */
function split(text: string, separator: string): string[] {
  const out: string[] = [];
  let [from, quoted] = [0, false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "\\") i++;
    // Only a field's value can be quoted: it follows an equals sign.
    else if (c === '"' && (quoted || text[i - 1] === "=" || i === 0)) quoted = !quoted;
    else if (c === separator && !quoted) {
      out.push(text.slice(from, i));
      from = i + 1;
    }
  }
  if (quoted) throw new BadRow("a quote is not closed");
  out.push(text.slice(from));
  return out;
}

const unescaped = (text: string): string => text.replace(/\\([,= \\])/g, "$1");
