import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { statisticalBanks } from "../../models/statistical/index.ts";
import { vectorModels } from "../../models/vector-model.ts";
import { RANKERS } from "../../pipelines/diagnose/rankers/index.ts";
import { decoders } from "../../pipelines/ingest/decoders/index.ts";
import { actionAdapters } from "../../pipelines/recover/actions/index.ts";
import { sinks } from "../../pipelines/report/sinks/index.ts";

const root = resolve(import.meta.dirname, "../..");
const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
  .filter((f) => f.endsWith(".ts"))
  .map((f) => readFileSync(join(root, "test", f), "utf8"))
  .join("\n");
const camel = (name: string) => name.replace(/-(\w)/g, (_, c: string) => c.toUpperCase());

/** Each kind: its folder, how a plug-in's file looks, and what the index registers. */
const kinds: { kind: string; dir: string; is: RegExp; index?: string; registered: string[] }[] = [
  { kind: "decoder", dir: "pipelines/ingest/decoders", is: /: Decoder = \{/, registered: Object.keys(decoders) },
  { kind: "ranker", dir: "pipelines/diagnose/rankers", is: /: Ranker = \{/, registered: RANKERS.map((r) => r.name) },
  { kind: "sink", dir: "pipelines/report/sinks", is: /Promise<Sink</, registered: Object.keys(sinks) },
  {
    kind: "action",
    dir: "pipelines/recover/actions",
    is: /^export function \w+\(\{ targets \}|readonly restart: ActionAdapter/m,
    registered: Object.keys(actionAdapters),
  },
  {
    kind: "bank",
    dir: "models/statistical",
    is: /\}: [\w &{}?:;]*\): DetectorBank|= \{\}\): DetectorBank/,
    registered: Object.keys(statisticalBanks),
  },
  {
    kind: "vector model",
    dir: "models",
    is: /: VectorModelKind<\w+, \w+> = \{|: VectorModelKind<\w+> = \{/,
    index: "vector-model.ts",
    registered: Object.keys(vectorModels),
  },
];

describe.each(kinds)("every $kind", ({ dir, is, index = "index.ts", registered }) => {
  const files = readdirSync(join(root, dir), { recursive: true, encoding: "utf8" }).filter(
    (f) => f.endsWith(".ts") && f !== index && is.test(readFileSync(join(root, dir, f), "utf8")),
  );

  it("that has a file is registered in its index", () => {
    const listed = readFileSync(join(root, dir, index), "utf8");
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((f) => !listed.includes(`./${f}`))).toEqual([]);
    expect(registered.length).toBeGreaterThanOrEqual(files.length);
  });

  it("is named in a test", () => {
    expect(registered.filter((n) => !tests.includes(n) && !tests.includes(camel(n)))).toEqual([]);
  });
});
