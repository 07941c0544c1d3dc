import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const walk = (dir: string): string[] =>
  readdirSync(dir).flatMap((n) => {
    const p = join(dir, n);
    return statSync(p).isDirectory() ? walk(p) : p.endsWith(".ts") ? [p] : [];
  });
const sources = ["pipelines", "models", "data"].flatMap((d) => walk(join(root, d)));
const importsOf = (file: string): string[] =>
  [
    ...readFileSync(file, "utf8").matchAll(/(?:^|\n)\s*(?:import|export)[^"';]*?from\s*"([^"]+)"|import\("([^"]+)"\)/g),
  ].map((m) => (m[1] ?? m[2]) as string);
const graph = new Map(
  sources.map((f) => [
    relative(root, f),
    importsOf(f).map((i) => (i.startsWith(".") ? relative(root, resolve(dirname(f), i)) : i)),
  ]),
);
const room = (path: string) =>
  path.startsWith("pipelines/") ? (path.split("/")[1] as string) : (path.split("/")[0] as string);

/** What each room may import besides itself; only `run` wires, only `cli` starts. */
const ALLOWED: Record<string, readonly string[]> = {
  core: [],
  models: [],
  tolerance: ["core"],
  ingest: ["core", "tolerance"],
  windows: ["core"],
  detect: ["core", "models"],
  correlate: ["core", "models"],
  diagnose: ["core", "models"],
  report: ["core", "tolerance"],
  recover: ["core", "tolerance"],
  measure: ["core", "models"],
  learn: ["core", "models"],
  runtime: ["core", "tolerance"],
  run: [
    "core",
    "models",
    "ingest",
    "windows",
    "detect",
    "correlate",
    "diagnose",
    "report",
    "recover",
    "measure",
    "learn",
    "runtime",
    "tolerance",
  ],
  cli: ["core", "run", "measure", "ingest", "report", "runtime", "tolerance", "data"],
  data: ["core"],
};

describe("structure", () => {
  it("lets every room import only what its place in the flow allows", () => {
    const wrong: string[] = [];
    for (const [file, imports] of graph)
      for (const i of imports) {
        if (!i.startsWith("pipelines/") && !i.startsWith("models/") && !i.startsWith("data/")) continue;
        const [from, to] = [room(file), room(i)];
        if (from !== to && !ALLOWED[from]?.includes(to)) wrong.push(`${file} -> ${i}`);
      }
    expect(wrong).toEqual([]);
  });

  it("keeps models to numbers: no package but linear algebra and learning libraries, no node module", () => {
    const fine = /^(models\/|ml-matrix$|libsvm-js|@tensorflow\/tfjs)/;
    const wrong = [...graph].flatMap(([f, is]) =>
      f.startsWith("models/") ? is.filter((i) => !fine.test(i)).map((i) => `${f} -> ${i}`) : [],
    );
    expect(wrong).toEqual([]);
  });

  it("keeps kafkajs behind one folder", () => {
    const inside = "pipelines/runtime/kafka/kafkajs/";
    const wrong = [...graph].filter(([file, imports]) => !file.startsWith(inside) && imports.includes("kafkajs"));
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  /** Where a call may leave this process, and why it is not through `httpCall` or a policy. */
  const DOORS: Record<string, string> = {
    "pipelines/tolerance/http-call.ts": "the one fetch",
    "pipelines/tolerance/post.ts": "the agent's POST: node:http costs it less than fetch",
    "pipelines/recover/actions/common/run-command.ts": "the one spawn of a command, with its own time limit and kill",
    "pipelines/recover/actions/child.ts": "starts a process that stays",
    "pipelines/recover/actions/common/health-check.ts": "a TCP probe with its own time limit",
    "pipelines/recover/actions/common/xml-rpc.ts":
      "HTTP over a Unix socket, which fetch can't; its caller limits the time",
    "pipelines/recover/actions/common/qmp.ts": "a line protocol over a socket, with its own time limit",
    "pipelines/runtime/store/pglite.ts": "creates the database in a helper, under policy `start`",
  };
  const CALLS =
    /(?<![.\w#])fetch\(|from "(?:node:)?(?:child_process|net|tls|http|https|dgram)"|import\("(?:node:)?(?:child_process|net|tls|https?)"\)/;

  it("lets calls out through the doors of `tolerance` alone, or a named exception", () => {
    const code = (f: string) =>
      readFileSync(join(root, f), "utf8")
        .replace(/\/\*[\s\S]*?\*\//g, "")
        .replace(/^\s*\/\/.*$/gm, "")
        .replace(/^import type .*$/gm, "");
    const out = [...graph.keys()].filter((f) => f.startsWith("pipelines/") && CALLS.test(code(f)));
    expect(out.filter((f) => !(f in DOORS))).toEqual([]);
    expect(Object.keys(DOORS).filter((f) => !out.includes(f))).toEqual([]);
  });

  it("keeps the resilience library behind `tolerance`: policies have names", () => {
    const wrong = [...graph].filter(([f, is]) => !f.startsWith("pipelines/tolerance/") && is.includes("cockatiel"));
    expect(wrong.map(([f]) => f)).toEqual([]);
  });

  it("has no import cycle", () => {
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (f: string, path: string[]) => {
      if (state.get(f) === "open") return void cycles.push([...path.slice(path.indexOf(f)), f].join(" -> "));
      if (state.get(f)) return;
      state.set(f, "open");
      for (const i of graph.get(f) ?? []) if (graph.has(i)) visit(i, [...path, f]);
      state.set(f, "done");
    };
    for (const f of graph.keys()) visit(f, []);
    expect(cycles).toEqual([]);
  });

  it("reads no clock and no unseeded random in stages and models", () => {
    const pure = /^(models|pipelines\/(core|windows|detect|correlate|diagnose|measure))\//;
    const wrong = [...graph.keys()].filter(
      (f) =>
        pure.test(f) &&
        f !== "pipelines/core/clock.ts" &&
        /Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(/.test(readFileSync(join(root, f), "utf8")),
    );
    expect(wrong).toEqual([]);
  });

  it("holds no address of a package registry in the lock file", () => {
    expect(readFileSync(join(root, "package-lock.json"), "utf8")).not.toContain('"resolved"');
  });
});
