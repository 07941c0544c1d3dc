import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { diagnoseCommand } from "../../pipelines/cli/diagnose.ts";
import { PipelineError } from "../../pipelines/core/errors.ts";
import { type CaseAnswer, diagnoseCase } from "../../pipelines/run/diagnose/diagnose-case.ts";
import { type CaseFault, caseFolder, ONSET_MS, recorded } from "../diagnose/case-fixture.ts";

const home = mkdtempSync(join(tmpdir(), "faultwright-cases-"));
afterAll(() => rmSync(home, { recursive: true }));
let made = 0;
const folder = (parts: Parameters<typeof caseFolder>[0], options = {}) =>
  caseFolder(parts, { home, name: `c${made++}`, ...options });
const first = (a: CaseAnswer) => a.services[0]?.name;

describe("diagnoseCase", () => {
  it.each<[CaseFault, string]>([
    ["cpu", "metric-shift"],
    ["network", "edge-gap"],
    ["own work", "self-time"],
    ["skipped step", "span-structure"],
    ["exception", "log-rate"],
  ])("finds the service for %s, with the onset given and unknown, told by %s", async (fault, ranker) => {
    for (const seed of [1, 2, 3]) {
      const dir = folder({ ...recorded(fault, { seed }), onsetMs: ONSET_MS }, { gzip: seed === 2 });
      for (const ignoreOnset of [false, true]) {
        const a = await diagnoseCase(dir, { ignoreOnset });
        expect(first(a), JSON.stringify(a.services)).toBe("cart");
        expect(a.services[0]?.evidence.map((e) => e.ranker)).toContain(ranker);
        expect(a.services.map((s) => s.name).sort()).toEqual(["cart", "db", "user", "web"]);
        expect(new Set(a.metrics.map((m) => m.name)).size).toBe(12);
        if (fault === "cpu") expect(a.metrics[0]?.name).toBe("cart_cpu");
        if (fault === "cpu") expect(Math.abs(a.onsetMs - ONSET_MS)).toBeLessThanOrEqual(15_000);
      }
    }
  });

  it("gives the same answer whatever order rows and columns, line ends and compression come in", async () => {
    const parts = recorded("network");
    const whole = await diagnoseCase(folder(parts));
    const metrics = parts.metrics.map((r) => [r[0] as string, ...r.slice(1).reverse()]);
    const rows = [metrics[0]!, ...metrics.slice(1).reverse()];
    const traces = [parts.traces[0]!, ...parts.traces.slice(1).reverse()];
    expect(await diagnoseCase(folder({ ...parts, metrics: rows, traces }))).toEqual(whole);
    expect(await diagnoseCase(folder(parts, { gzip: true, end: "\r\n" }))).toEqual(whole);
    expect(await diagnoseCase(folder(parts))).toEqual(whole);
  });

  it("never opens what else is in the folder, such as the truth", async () => {
    const dir = folder(recorded("cpu"));
    const before = await diagnoseCase(dir);
    symlinkSync("/nowhere/at/all", join(dir, "case.json"));
    writeFileSync(join(dir, "notes.csv"), "\0");
    expect(await diagnoseCase(dir)).toEqual(before);
  });

  it("holds when files are missing, and says what is missing", async () => {
    const { metrics, traces, logs } = recorded("own work");
    const calls = await diagnoseCase(folder({ traces }));
    expect(first(calls)).toBe("cart");
    expect(calls.missing.join()).toMatch(/no windows/);
    const numbers = await diagnoseCase(folder({ metrics: recorded("cpu").metrics }));
    expect(first(numbers)).toBe("cart");
    expect(numbers.missing.join()).toMatch(/no traces.*no logs/);
    const lines = await diagnoseCase(folder({ logs: recorded("exception").logs }));
    expect(first(lines)).toBe("cart");
    expect((await diagnoseCase(folder({ metrics, traces, logs }))).missing.join()).not.toMatch(/no traces|no logs/);
    await expect(diagnoseCase(folder({}))).rejects.toThrow(/SOURCE_UNREADABLE.*no metrics.csv/);
  });

  it("says that it can't, without history, fault or rows", async () => {
    const { metrics } = recorded("cpu");
    const at = metrics.findIndex((r) => Number(r[0]) * 1000 >= ONSET_MS);
    const none = await diagnoseCase(folder({ metrics: [metrics[0]!, ...metrics.slice(at)], onsetMs: ONSET_MS }));
    expect([none.inconclusive, none.missing.join()]).toEqual([true, expect.stringContaining("no baseline")]);
    const quiet = await diagnoseCase(folder({ metrics: recorded("none").metrics }));
    expect(quiet.inconclusive, JSON.stringify(quiet)).toBe(true);
    const header = await diagnoseCase(folder({ metrics: metrics.slice(0, 1) }));
    expect([header.inconclusive, header.services.length]).toEqual([true, 4]);
    const one = await diagnoseCase(folder({ metrics: metrics.slice(0, 2) }));
    expect(JSON.stringify(one)).not.toMatch(/NaN|Infinity/);
  });

  it("takes odd numbers for what they are", async () => {
    const { metrics } = recorded("cpu");
    const odd = metrics.map((r, i) =>
      i === 0
        ? [...r, "web_odd", "web_cpu", "lonely", "huge_x"]
        : [...r, ["NaN", "", "inf", "1e308", "x"][i % 5]!, "7", String(i), i % 2 ? "1e90" : "-1e90"],
    );
    odd.splice(5, 0, ["not a time", ...odd[5]!.slice(1)]);
    const dir = folder({ metrics: odd });
    writeFileSync(join(dir, "metrics.csv"), `\uFEFF${readFileSync(join(dir, "metrics.csv"), "utf8")}`);
    const a = await diagnoseCase(dir);
    expect(JSON.stringify(a)).not.toMatch(/NaN|Infinity|null/);
    expect(a.metrics.filter((m) => m.name === "web_cpu")).toHaveLength(1);
    expect(a.metrics.some((m) => m.name === "lonely")).toBe(true);
    expect(a.missing.join()).toContain("1 rows of metrics without a time");
  });

  it.each([
    ["traces.csv", "start_ms,trace\n1,2\n", /DECODE_BAD_FIELD at .*traces.csv, record 1: .*no column span, service/],
    ["logs.csv", 'time_ms,service,message\n1,a,"open\n', /DECODE_BAD_FIELD at .*logs.csv:2: .*quote/],
    ["topology.json", '{"edges":[["a"]]}', /DECODE_BAD_FIELD at .*topology.json: .*edges\[0\]/],
    ["topology.json", "{", /DECODE_BAD_JSON at .*topology.json/],
    ["onset.json", "{}", /DECODE_BAD_FIELD at .*onset.json/],
    ["logs.csv.gz", "not gzip", /SOURCE_UNREADABLE at .*logs.csv.gz/],
  ])("names the place in a bad %s", async (name, text, message) => {
    const dir = folder({ metrics: recorded("cpu").metrics });
    writeFileSync(join(dir, name), text);
    const error = await diagnoseCase(dir).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PipelineError);
    expect((error as Error).message).toMatch(message);
  });

  it("stays within its time at 900 metrics and 600 samples, also on a busy machine", async () => {
    const names = Array.from({ length: 900 }, (_, k) => `s${k % 40}_m${k}`);
    const rows = Array.from({ length: 600 }, (_, i) => [
      String(1_700_000_000 + i),
      ...names.map((_, k) => (Math.sin(i * (k + 1)) + (k < 5 && i > 400 ? 9 : 0)).toFixed(4)),
    ]);
    const dir = folder({ metrics: [["timestamp", ...names], ...rows] });
    const times = [];
    for (let i = 0; i < 3; i++) {
      const t0 = performance.now();
      await diagnoseCase(dir);
      times.push(performance.now() - t0);
    }
    expect(Math.min(...times)).toBeLessThan(3000);
  });
});

describe("faultwright diagnose", () => {
  const run = (...args: string[]) => diagnoseCommand().exitOverride().parseAsync(args, { from: "user" });

  it("writes one file a folder, and goes on past one that can't be read", async () => {
    const cases = mkdtempSync(join(home, "many-"));
    caseFolder(recorded("cpu"), { home: cases, name: "a" });
    caseFolder({}, { home: cases, name: "b" });
    caseFolder({ ...recorded("network"), onsetMs: ONSET_MS }, { home: cases, name: "c" });
    const out = join(home, "answers");
    await run("--cases", cases, "--output", out);
    expect(process.exitCode).toBe(1);
    process.exitCode = 0;
    expect(readdirSync(out).sort()).toEqual(["a.json", "c.json"]);
    const c = JSON.parse(readFileSync(join(out, "c.json"), "utf8")) as CaseAnswer;
    expect(c.onsetMs).toBe(ONSET_MS);
    expect(c.services[0]).toMatchObject({ name: "cart", score: expect.any(Number), evidence: expect.any(Array) });
  });

  it("remembers incidents and names the one of the same kind, with what fixed it and why", async () => {
    const known = join(home, "known.json");
    const kinds: [CaseFault, string][] = [
      ["cpu", "restart"],
      ["network", "replace the switch"],
      ["exception", "roll back"],
    ];
    for (const [fault, repair] of kinds) {
      const dir = folder(recorded(fault, { seed: 5 }));
      for (const label of ["mistaken", fault])
        await run("--case", dir, "--remember", known, "--cause", "cart", "--label", label, "--repair", repair);
    }
    expect(JSON.parse(readFileSync(known, "utf8"))).toHaveLength(3);
    for (const [fault, repair] of kinds) {
      const out = join(home, "similar.json");
      await run("--case", folder(recorded(fault, { seed: 6 })), "--known", known, "--output", out);
      const [best] = (JSON.parse(readFileSync(out, "utf8")) as CaseAnswer).similar;
      expect(best).toMatchObject({ label: fault, repair, cause: "cart" });
      expect(best?.similarity).toBeGreaterThan(0.5);
      expect(best?.why.length).toBeGreaterThan(0);
    }
    const wrong = run("--case", folder(recorded("cpu")), "--remember", known, "--cause", "nobody", "--label", "x");
    await expect(wrong).rejects.toThrow(/CONFIG_INVALID.*nobody/);
    writeFileSync(known, '[{"id": 1}]');
    await expect(run("--case", folder(recorded("cpu")), "--known", known)).rejects.toThrow(/DECODE_BAD_FIELD.*0.id/);
  });

  it("ranks alert storms by rarity", async () => {
    const storm = (id: string, extra: string[][]) => ({
      id,
      nodes: ["a", "b", "c"],
      metric_events: [["a", "qps", "down"], ["b", "qps", "down"], ...extra],
      log_events: [["c", "c-1"]],
      trace_events: [["a", "c", "op", "PD"]],
    });
    const list = Array.from({ length: 12 }, (_, i) => storm(`s${i}`, i === 5 ? [["b", "memory", "up"]] : []));
    const file = join(home, "alerts.json");
    writeFileSync(file, JSON.stringify(list));
    await run("--alerts", file, "--output", join(home, "alerts.out.json"));
    const answers = JSON.parse(readFileSync(join(home, "alerts.out.json"), "utf8"));
    expect(answers.s5.services[0]).toMatchObject({ name: "b", evidence: [{ text: "metric memory up" }, {}] });
  });

  it.each([
    [["--output", "x"], "give one of"],
    [["--case", "a", "--cases", "b"], "give one of"],
    [["--cases", "a"], "needs --output"],
    [["--case", "a", "--onset", "1", "--ignore-onset"], "contradict"],
  ])("refuses %s", async (args, message) => {
    const error = await run(...args).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(message) });
  });
});
