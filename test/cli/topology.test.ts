import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { type Topology, type TopologyChange, topologyChanges } from "../../models/traces/topology.ts";
import { systemClock } from "../../pipelines/core/clock.ts";
import { weightOf } from "../../pipelines/ingest/decoders/otlp-rows.ts";
import { openLog } from "../../pipelines/run/observe/log.ts";
import { readTopology } from "../../pipelines/run/topology/read.ts";
import { topologyDot, topologySvg, topologyText } from "../../pipelines/run/topology/render.ts";

const root = resolve(import.meta.dirname, "../..");
const dir = mkdtempSync(join(tmpdir(), "faultwright-topology-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** `web` calls `name` in each of `n` traces. */
const requests = (name: string, n: number, traceState = ""): string =>
  Array.from({ length: n }, (_, i) => {
    const traceId = (i + 1).toString(16).padStart(32, name.charCodeAt(0).toString(16));
    const span = (service: string, spanId: string, parentSpanId: string, kind: number, from: number, to: number) => ({
      resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId,
              spanId,
              parentSpanId,
              traceState,
              name: `${service} "work"`,
              kind,
              startTimeUnixNano: String(BigInt(1_762_164_000_000 + i * 50 + from) * 1_000_000n),
              endTimeUnixNano: String(BigInt(1_762_164_000_000 + i * 50 + to) * 1_000_000n),
            },
          ],
        },
      ],
    });
    const all = [
      span("web", "aaaaaaaaaaaaaaaa", "", 2, 0, 30),
      span("web", "bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa", 3, 5, 25),
      span(name, "cccccccccccccccc", "bbbbbbbbbbbbbbbb", 2, 8, 20),
    ];
    return JSON.stringify({ resourceSpans: all });
  }).join("\n");

const read = async (...input: string[]) => {
  const { log, close } = openLog({ level: "error" });
  return (await readTopology({ input, dataDir: dir, clock: systemClock, log }).finally(close)).topology;
};
const file = (name: string, text: string | Buffer): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

describe("topology", () => {
  it("is read from files, gzip too, and comes out as text, Graphviz and SVG with nothing unescaped", async () => {
    const t = await read(file("a.jsonl", requests("st<o>re", 20)), file("b.jsonl.gz", gzipSync(requests("bus", 5))));
    expect(t.edges.map((e) => [e.caller, e.callee, e.calls])).toEqual([
      ["web", "bus", 5],
      ["web", "st<o>re", 20],
    ]);
    expect(topologyText(t)).toContain("-> bus");
    expect(topologyDot(t)).toContain('"web" -> "bus"');
    const svg = topologySvg(t);
    expect(svg).not.toContain("st<o>re");
    expect(svg.match(/<rect/g)).toHaveLength(3);
  });

  it("counts what a sampled trace stands for", async () => {
    const t = await read(file("s.jsonl", requests("store", 10, "ot=th:c")));
    expect(t.edges[0]?.calls).toBeCloseTo(40, 6);
  });

  it("is the command's output, and the baseline of the next", () => {
    const before = file("before.jsonl", requests("store", 50));
    const after = file("after.jsonl", requests("cache", 50));
    const run = (...args: string[]) =>
      new Promise<{ code: number; out: string; err: string }>((done) =>
        execFile(
          process.execPath,
          ["--import", "tsx", join(root, "pipelines/cli/main.ts"), "topology", ...args],
          { cwd: root },
          (error, out, err) => done({ code: Number(error?.code ?? 0), out, err }),
        ),
      );
    return (async () => {
      const base = join(dir, "base.json");
      expect(await run("--input", before, "--json", "--out", base)).toMatchObject({ code: 0, err: "" });
      const changes = JSON.parse((await run("--input", after, "--baseline", base, "--json")).out) as TopologyChange[];
      expect(changes).toEqual(topologyChanges(JSON.parse(readFileSync(base, "utf8")) as Topology, await read(after)));
      expect(changes.map((c) => c.kind)).toContain("new-edge");
      expect((await run("--input", after, "--baseline", after)).code).toBe(2);
    })();
  }, 120_000);
});

describe("the weight of a span", () => {
  it.each([
    { state: "", weight: 1 },
    { state: "ot=th:8", weight: 2 },
    { state: "ot=th:c", weight: 4 },
    { state: "vendor=x, ot=rv:abc;th:e000", weight: 8 },
    { state: "ot=p:3;r:12", weight: 8 },
    { state: "ot=p:63", weight: 1 },
    { state: "ot=th:zz", weight: 1 },
    { state: "bot=th:8", weight: 1 },
  ])("is $weight for tracestate '$state'", ({ state, weight }) => {
    expect(weightOf(state)).toBeCloseTo(weight, 9);
  });
});
