/** A mapping for plain JSON to begin with, told from names and values of its fields. */
import type { Mapping } from "../core/topic-config.ts";
import { leavesOf } from "./decoders/json-lines.ts";
import type { JsonObject } from "./decoders/otlp-json.ts";
import { timeIn } from "./decoders/plain.ts";

const TIME = /^(@?timestamp|time_?stamp|time|ts|date_?time|date|event_?time|created_?at|when|t)$/i;
const ENTITY: readonly (readonly ["service" | "host" | "entity", RegExp])[] = [
  ["service", /^(service|service_?name|app|application)$/i],
  ["host", /^(host|host_?name|node|server)$/i],
  ["entity", /^(entity|instance|device|machine|sensor|pod|container|unit|plant|line)(_?id|_?name)?$/i],
];
const METRIC = /^(metric|measurement|name|key|tag|parameter)(_?name)?$/i;
const VALUE = /^(value|val|v|amount|reading)$/i;
const BODY = /^(text|line|log|event|description)$/i;
const LEVEL = /^(level|severity|lvl|loglevel)$/i;
/** Numbers that name or count nothing. */
const NO_VALUE = /^(id|.*_id|.*Id|pid|port|version|lat|lon|seq|offset|partition)$/;
const MAX_VALUES = 50;
/** More different words than this are no label. */
const MAX_WORDS = 10;
const [EARLIEST_MS, LATEST_MS] = [Date.UTC(2000, 0), Date.UTC(2100, 0)];

/** A mapping of what most objects hold; undefined without a number, or text that could be a line. Never reads deeper than 32. */
export function guessMapping(objects: readonly JsonObject[]): Partial<Mapping> | undefined {
  const seen = new Map<string, unknown[]>();
  for (const object of objects)
    try {
      for (const [path, v] of leavesOf(object)) {
        const values = seen.get(path) ?? [];
        if (seen.size < 500) seen.set(path, values);
        values.push(v);
      }
    } catch {
      // Too deep: it is guessed from the others.
    }
  const paths = [...seen.keys()].filter((path) => path.length <= 200);
  const last = (path: string) => path.slice(path.lastIndexOf(".") + 1);
  /** `device.name` is a device. */
  const about = (path: string) => last(path.replace(/\.(name|id)$/, ""));
  const all = (path: string, is: (v: unknown) => boolean) => (seen.get(path) as unknown[]).every(is);
  const isTime = (v: unknown) => {
    const ms = timeIn(v, "auto");
    return ms > EARLIEST_MS && ms < LATEST_MS;
  };
  const find = (name: RegExp, is: (v: unknown) => boolean, of = last) =>
    paths.find((p) => name.test(of(p)) && all(p, is));
  const isString = (v: unknown) => typeof v === "string" && v !== "";
  const isNumber = (v: unknown) => typeof v === "number";

  const time = find(TIME, isTime);
  const entity = ENTITY.map(([key, name]) => [key, find(name, isString, about)] as const).find(
    ([, path]) => path !== undefined,
  );
  const value = find(VALUE, isNumber);
  const metric = value === undefined ? undefined : find(METRIC, isString);
  const values = paths.filter((p) => p !== time && all(p, isNumber) && !NO_VALUE.test(last(p))).slice(0, MAX_VALUES);
  const body = find(BODY, isString);
  if (values.length === 0 && body === undefined) return undefined;
  const severity = body === undefined ? undefined : find(LEVEL, (v) => isString(v) || isNumber(v));
  const used = new Set([time, entity?.[1], metric, body, severity]);
  const isLabel = (path: string) => {
    const words = seen.get(path) as unknown[];
    return (
      words.every((v) => isString(v) && (v as string).length < 64 && !isTime(v)) && new Set(words).size <= MAX_WORDS
    );
  };
  const attributes = paths.filter((p) => !used.has(p) && isLabel(p)).slice(0, 4);
  return {
    ...(time === undefined ? {} : { time }),
    ...(entity ? { [entity[0]]: entity[1] } : {}),
    ...(metric !== undefined && value !== undefined ? { metric: { name: metric, value, kind: "gauge" as const } } : {}),
    ...(metric === undefined && values.length > 0 ? { values } : {}),
    ...(body === undefined ? {} : { body }),
    ...(severity === undefined ? {} : { severity }),
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}
