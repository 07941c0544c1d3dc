import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatDuration, formatValue } from "../../pipelines/core/format.ts";
import type { Diagnosis } from "../../pipelines/core/records.ts";
import { graphSvg } from "../../pipelines/report/graph.ts";
import { reportSchema } from "../../pipelines/report/json.ts";
import { renderReport } from "../../pipelines/report/report.ts";
import { jsonl } from "../../pipelines/report/sinks/jsonl.ts";
import { reportFiles } from "../../pipelines/report/sinks/report-files.ts";
import { actionOf, incidentOf, T0 } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-report-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("report", () => {
  it("tells on top what to do, in which command, and who is suspected", async () => {
    const { html, markdown, json } = await renderReport({
      incident: incidentOf(),
      actions: [actionOf()],
      generatedMs: T0,
    });
    for (const text of [html, markdown]) {
      expect(text).toContain("Approve the restart of payment (low risk)");
      expect(text).toContain(`npx faultwright recover approve PLAN-1 --hash ${"deadbeef".repeat(8)}`);
      expect(text).toContain("its own work takes 310 ms instead of 12 ms");
      expect(text).toContain("03:03:59");
    }
    expect(html.indexOf("What to do")).toBeLessThan(html.indexOf("Ranked causes"));
    expect(reportSchema.parse(json)).toEqual(json);
    expect(json.figures[0]).toMatchObject({ name: "Time to detect", ms: 4000 });
  });

  it("is the same to the byte every time, and loads nothing from outside", async () => {
    const input = { incident: incidentOf(), actions: [actionOf()], generatedMs: T0 };
    const [a, b] = [await renderReport(input), await renderReport(input)];
    expect(a).toEqual(b);
    expect(a.html).not.toMatch(/<script|(?:src|href)="|url\((?!#)|@import/);
  });

  it("never lets a name become markup", async () => {
    const bad = `<script>alert(1)</script>"'&|\`*_[x](y)`;
    const { html, markdown } = await renderReport({ incident: incidentOf(bad), actions: [], generatedMs: T0 });
    expect(html).not.toContain("<script");
    expect(html).toContain("&#60;script&#62;");
    expect(markdown).not.toContain("<script>");
  });

  it.each([
    {
      name: "before a diagnosis",
      incident: incidentOf("payment", { diagnosis: null }),
      actions: [],
      text: "no cause has been named yet",
    },
    {
      name: "when the repair is verified",
      incident: incidentOf("payment", { state: "resolved" }),
      actions: [actionOf({ state: "verified" })],
      text: "was carried out and verified",
    },
    {
      name: "when the repair did not help",
      incident: incidentOf(),
      actions: [actionOf({ state: "unverified" })],
      text: "Step in",
    },
    { name: "without a repair", incident: incidentOf(), actions: [], text: "Look at payment first" },
  ])("says what to do $name", async ({ incident, actions, text }) => {
    const { html, markdown } = await renderReport({ incident, actions, generatedMs: T0 });
    expect(html).toContain(text);
    for (const t of [html, markdown]) expect(t).not.toMatch(/undefined|NaN|\[object/);
  });

  it("draws callers left of callees, circles too", async () => {
    const edge = (caller: string, callee: string) => ({ caller, callee, calls: 1, errorRatio: 0, durationMs: 1 });
    const d = incidentOf().diagnosis as Diagnosis;
    const svg = graphSvg({ ...d, edges: [edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("x", "c")] });
    const x = (name: string) => Number(new RegExp(`<title>${name}</title><rect[^>]* x="(\\d+)"`).exec(svg)?.[1]);
    expect([x("x"), x("c")]).toEqual([12, 12 + 190]);
    expect(x("a")).toBeLessThan(x("b"));
    for (const n of ["a", "b", "c", "x"]) expect(x(n)).toBeLessThan(4 * 190);
    // Dense ones take no time either.
    const names = Array.from({ length: 30 }, (_, i) => `n${String(i).padStart(2, "0")}`);
    const dense = names.flatMap((n, i) => names.slice(i + 1).map((m) => edge(n, m)));
    const began = performance.now();
    graphSvg({ ...d, edges: dense });
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it("names what must be known first: silenced, merged, called noise, a flood, the pipeline itself", async () => {
    const incident = incidentOf("payment", {
      muted: { silenceId: "SIL-1", untilMs: T0 },
      verdict: { label: "expected", by: "ann", atMs: T0, note: "load test" },
      digest: { groups: 37 },
      labels: ["self"],
    });
    const { html, markdown } = await renderReport({ incident, actions: [], generatedMs: T0 });
    for (const text of [html, markdown])
      for (const said of [
        "Nobody is paged: SIL-1",
        "ann called it expected: load test",
        "37 groups",
        "about faultwright itself",
      ])
        expect(text.replaceAll("\\", "")).toContain(said);
    const merged = await renderReport({
      incident: incidentOf("payment", { mergedInto: "INC-2", state: "resolved" }),
      actions: [],
      generatedMs: T0,
    });
    expect(merged.html).toContain("it is part of INC-2 now");
  });

  it("shows earlier incidents that looked alike, and on top what fixed one", async () => {
    const incident = incidentOf();
    const similar = [
      {
        id: "INC-OLD",
        headline: "payment was <b>slow</b>",
        cause: "payment",
        repair: "restart of payment",
        similarity: 0.87,
        why: ["cause cpu up"],
      },
    ];
    const known = { ...incident, diagnosis: { ...(incident.diagnosis as Diagnosis), similar } };
    const { html, markdown, json } = await renderReport({ incident: known, actions: [], generatedMs: T0 });
    expect(html).toContain("Looks like INC-OLD (87 %), which was fixed by: restart of payment");
    expect(html).not.toContain("<b>slow");
    expect(markdown).toContain("INC-OLD, 87 % alike (cause cpu up)");
    expect(json.similar).toEqual(similar);
  });

  it("leaves out evidence that says that nothing changed", async () => {
    const incident = incidentOf();
    const d = incident.diagnosis as Diagnosis;
    const nothing = { ranker: "metric-shift", score: 0.0001, text: "0 % of its requests fail instead of 0 %" };
    const suspects = [...d.suspects, { ...d.suspects[0]!, name: "idle", confidence: 0.005, for: [nothing] }];
    const { html } = await renderReport({
      incident: { ...incident, diagnosis: { ...d, suspects } },
      actions: [],
      generatedMs: T0,
    });
    expect(html).not.toContain("0 % of its requests fail instead of 0 %");
    expect(html).toContain("idle (");
  });

  it("quotes a data directory for the shell", async () => {
    const input = { incident: incidentOf(), actions: [actionOf()], generatedMs: T0, dataDir: "/tmp/it's; rm -rf x" };
    expect((await renderReport(input)).json.repair?.command).toContain(`--data-dir '/tmp/it'\\''s; rm -rf x'`);
  });
});

describe("sinks", () => {
  it("writes three files for an incident and stays in its directory", async () => {
    const out = join(dir, "reports");
    const sink = await reportFiles({ dir: out });
    await sink.write([{ incident: incidentOf("payment", { id: "../../etc/x" }), actions: [], generatedMs: T0 }]);
    expect(readdirSync(out).sort()).toEqual(["______etc_x.html", "______etc_x.json", "______etc_x.md"]);
    expect(readdirSync(dir)).toEqual(["reports"]);
  });

  it("appends records as lines that parse", async () => {
    const path = join(dir, "out.jsonl");
    const sink = await jsonl({ path });
    await sink.write([{ topic: "incidents", key: 'k"1', value: '{"a":1}' }]);
    await sink.close();
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ topic: "incidents", key: 'k"1', value: { a: 1 } });
  });
});

describe("formats", () => {
  it.each([
    [320, "ms", "", "320 ms"],
    [0.0004, "s", "", "0.4 ms"],
    [16 * 1024 * 1024, "By", "", "16 MiB"],
    [0.48, "1", "error_ratio", "48 %"],
    [12.5, "{request}/s", "", "12.5 request a second"],
    [Number.NaN, "ms", "", "–"],
    [null, "ms", "", "–"],
  ])("%s %s is %s", (value, unit, metric, text) => expect(formatValue(value, unit, metric)).toBe(text));

  it.each([
    [null, "not yet"],
    [12_400, "12.4 s"],
    [185_000, "3 min 5 s"],
    [7_800_000, "2 h 10 min"],
    [119_700, "2 min 0 s"],
    [3_599_700, "1 h 0 min"],
    [7_199_000, "2 h 0 min"],
  ])("%s ms is %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});
