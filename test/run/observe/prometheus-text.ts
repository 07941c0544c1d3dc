/** A strict reader of the Prometheus text format 0.0.4: what a scraper forgives is an error here. */

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/** @throws Error naming the line */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line must end");
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: [string, string] | undefined;
  let family: Family | undefined;
  for (const [i, line] of text.slice(0, -1).split("\n").entries()) {
    const wrong = (why: string) => new Error(`line ${i + 1}: ${why}: ${line}`);
    if (line === "") continue;
    const about = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (about) {
      const [, what, name = "", rest = ""] = about;
      if (!NAME.test(name)) throw wrong("no name");
      if (what === "HELP") {
        help = [name, rest];
        continue;
      }
      if (help?.[0] !== name) throw wrong("TYPE without its HELP");
      if (families.has(name)) throw wrong("the family was there before");
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw wrong("no type");
      family = { name, type: rest, help: help[1], samples: [] };
      families.set(name, family);
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (!sample || !family) throw wrong("no sample");
    const [, name = "", inner, number = ""] = sample;
    const suffix = name.slice(family.name.length);
    const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!name.startsWith(family.name) || !suffixes.includes(suffix)) throw wrong(`not of ${family.name}`);
    const labels: Record<string, string> = {};
    if (inner !== undefined) {
      LABEL.lastIndex = 0;
      while (LABEL.lastIndex < inner.length) {
        const m = LABEL.exec(inner);
        if (!m) throw wrong("bad labels");
        if ((m[1] as string) in labels) throw wrong("a label twice");
        labels[m[1] as string] = m[2] as string;
      }
    }
    const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
    if (Number.isNaN(value)) throw wrong("no number");
    if (family.type === "counter" && value < 0) throw wrong("a counter below zero");
    const key = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(key)) throw wrong("the sample was there before");
    seen.add(key);
    family.samples.push({ name, labels, value });
  }
  for (const f of families.values()) if (f.type === "histogram") checkBuckets(f);
  return families;
}

/** Cumulative, and the last bucket is the count. */
function checkBuckets({ name, samples }: Family): void {
  const series = new Map<string, number[]>();
  const keyOf = (labels: Readonly<Record<string, string>>) =>
    JSON.stringify(
      Object.entries(labels)
        .filter(([k]) => k !== "le")
        .sort(),
    );
  for (const s of samples)
    if (s.name === `${name}_bucket`) series.set(keyOf(s.labels), [...(series.get(keyOf(s.labels)) ?? []), s.value]);
  for (const s of samples) {
    if (s.name !== `${name}_count`) continue;
    const buckets = series.get(keyOf(s.labels)) ?? [];
    if (buckets.at(-1) !== s.value) throw new Error(`${name}: the last bucket is not the count`);
    if (buckets.some((v, i) => i > 0 && v < (buckets[i - 1] as number))) throw new Error(`${name}: buckets fall`);
  }
}

/** Sum of a metric's samples that have these labels; undefined when there is none. */
export function sampleOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
  const own = (family?.samples ?? []).filter(
    (s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v),
  );
  return own.length === 0 ? undefined : own.reduce((sum, s) => sum + s.value, 0);
}
