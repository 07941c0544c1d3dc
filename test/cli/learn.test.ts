import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { backtest } from "../../pipelines/run/learn/backtest.ts";
import { readHistory } from "../../pipelines/run/learn/read-history.ts";
import { readIncidents } from "../../pipelines/run/learn/read-incidents.ts";
import { trainFiles } from "../../pipelines/run/learn/train.ts";
import { csvOf, history } from "../learn/data.ts";

const root = join(import.meta.dirname, "../..");
let dir = "";
const at = (name: string) => join(dir, name);
const cli = (...args: string[]) =>
  spawnSync(process.execPath, ["--import", "tsx", "pipelines/cli/main.ts", ...args], { cwd: root, encoding: "utf8" });
const common = () => ({
  name: "m",
  dataDir: at("data"),
  seed: 1,
  budgetMs: 1e9,
  mostTrials: 2,
  now: () => 0,
  say: () => {},
});
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-learn-test-"));
  mkdirSync(at("in/a"), { recursive: true });
  writeFileSync(at("in/web.csv"), csvOf(history({ rows: 900, at: [300, 420, 540, 700, 800] })));
  writeFileSync(
    at("in/a/db.csv.gz"),
    gzipSync(csvOf(history({ rows: 900, seed: 2, at: [350, 600, 750], entity: "a/db" }))),
  );
  const rows = [
    history({ rows: 900, at: [300, 420, 540, 700, 800] }),
    history({ rows: 900, seed: 2, at: [350, 600, 750], entity: "a/db" }),
  ]
    .flatMap((h) => h.incidents)
    .map((i) => `${new Date(i.start).toISOString()},${new Date(i.end).toISOString()},${i.entity},${i.cause}`);
  writeFileSync(at("incidents.csv"), `\u{feff}start,end,entity,cause\r\n${rows.join("\r\n")}\r\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("train, models, score and backtest from the command line", () => {
  it("goes from files to a promoted model that scores and is judged", () => {
    const data = ["--data-dir", at("cli")];
    const made = cli(
      "train",
      "--input",
      at("in"),
      "--incidents",
      at("incidents.csv"),
      "--until",
      "0.6",
      "--name",
      "m",
      "--trials",
      "2",
      "--json",
      ...data,
    );
    expect(made.status, made.stderr).toBe(0);
    const { manifest, version } = JSON.parse(made.stdout);
    expect(version).toBe(1);
    expect(manifest.entities.map((e: { entity: string }) => e.entity)).toEqual(["a/db", "web"]);
    expect(manifest.validation.supervised).toBe(true);
    expect(cli("models", "promote", "m@1", ...data).stdout).toContain("version 1 is live");
    expect(cli("models", "list", ...data).stdout).toMatch(/m@1 +live/);
    const scored = cli("score", "--input", at("in"), "--output", at("out"), "--model", "m:live", ...data);
    expect(scored.status, scored.stderr).toBe(0);
    expect(scored.stderr).not.toContain("cold start");
    expect(readFileSync(at("out/a/db.csv"), "utf8").trimEnd().split("\n").length).toBe(901);
    const judged = cli(
      "backtest",
      "--input",
      at("in"),
      "--incidents",
      at("incidents.csv"),
      "--model",
      "statistics",
      "--model",
      "m",
      "--out",
      at("bt"),
      "--json",
      ...data,
    );
    expect(judged.status, judged.stderr).toBe(0);
    const report = JSON.parse(judged.stdout);
    // three of web and two of a/db start at or after row 540
    expect(report.incidents).toBe(5);
    expect(report.models.map((m: { label: string }) => m.label)).toEqual(["statistics", "m@1"]);
    expect(readFileSync(at("bt/backtest.html"), "utf8")).toContain("<svg");
    expect(JSON.parse(readFileSync(at("bt/backtest.json"), "utf8")).incidents).toBe(5);
  }, 60_000);

  it.each([
    ["train on nothing", ["train", "--input", "/none"], 2],
    ["an unknown model", ["backtest", "--input", "test", "--model", "none@1"], 2],
    ["a kind of model that there is not", ["train", "--input", "test", "--kinds", "pca,xgboost"], 2],
    ["a bad name", ["train", "--input", "test", "--name", "../x"], 2],
    ["promote to nowhere", ["models", "promote", "m", "--to", "prod"], 2],
  ])("%s ends with its code", (_, args, code) => {
    const { status, stderr } = cli(...args);
    expect(status, stderr).toBe(code);
    expect(stderr).not.toMatch(/\n +at /);
  });
});

describe("trained versions", () => {
  it("are those of an undisturbed search after kill -9 in the middle of trials", async () => {
    const args = (data: string, out: string) => [
      ...["train", "--input", at("in"), "--incidents", at("incidents.csv"), "--kinds", "statistics,pca,decision-tree"],
      ...["--trials", "8", "--budget", "10m", "--data-dir", at(data), "--out", at(out)],
    ];
    const lines = () => {
      const [file] = existsSync(at("killed/trials")) ? readdirSync(at("killed/trials")) : [];
      return file ? readFileSync(at(`killed/trials/${file}`), "utf8").split("\n").length - 1 : 0;
    };
    for (const least of [2, 9]) {
      const child = spawn(process.execPath, ["--import", "tsx", "pipelines/cli/main.ts", ...args("killed", "never")], {
        cwd: root,
        stdio: "ignore",
      });
      const ended = once(child, "exit");
      await vi.waitUntil(() => lines() >= least || child.exitCode !== null, { timeout: 60_000, interval: 5 });
      child.kill("SIGKILL");
      await ended;
      expect(child.signalCode).toBe("SIGKILL");
    }
    expect(existsSync(at("never"))).toBe(false);
    const before = lines();
    expect(cli(...args("killed", "resumed")).status).toBe(0);
    // 8 trials of 3 + 3 parts, each a line: what was made before was not made again
    expect([before >= 9, lines()]).toEqual([true, 48]);
    expect(cli(...args("whole", "whole-out")).status).toBe(0);
    for (const file of ["manifest.json", "state.json", "state.bin"])
      expect(readFileSync(at(`resumed/${file}`)).equals(readFileSync(at(`whole-out/${file}`)))).toBe(true);
  }, 120_000);

  it("are the same bytes for the same seed", async () => {
    const one = await trainFiles({ ...common(), input: at("in/web.csv"), out: at("v1"), dataDir: at("d1") });
    await trainFiles({ ...common(), input: at("in/web.csv"), out: at("v2"), dataDir: at("d2") });
    for (const file of ["manifest.json", "state.json", "state.bin"])
      expect(readFileSync(join(at("v1"), file)).equals(readFileSync(join(at("v2"), file)))).toBe(true);
    await expect(trainFiles({ ...common(), input: at("in/web.csv"), out: at("v1") })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    expect(existsSync(one.dir)).toBe(true);
  });

  it.each([
    [
      "is damaged",
      (d: string) => {
        rmSync(join(d, "state.bin"));
        writeFileSync(join(d, "state.bin"), "x");
      },
      "checksum",
    ],
    ["lacks a file", (d: string) => rmSync(join(d, "state.json")), "ENOENT"],
  ])("fall back to statistics, in words, where one %s", async (name, spoil, said) => {
    const out = at(`spoilt ${name}`);
    await trainFiles({ ...common(), input: at("in/web.csv"), out });
    spoil(out);
    const { status, stderr } = cli(
      "score",
      "--input",
      at("in/web.csv"),
      "--output",
      at("fallback.csv"),
      "--model",
      out,
    );
    expect(status).toBe(0);
    expect(stderr).toContain(said);
    expect(stderr).toContain("statistics from a cold start");
    cli("score", "--input", at("in/web.csv"), "--output", at("plain.csv"));
    expect(readFileSync(at("fallback.csv"), "utf8")).toBe(readFileSync(at("plain.csv"), "utf8"));
  });

  it("are never judged on rows that they learned from", async () => {
    await trainFiles({ ...common(), input: at("in/web.csv"), name: "all", dataDir: at("d3") });
    const judged = (input: string) =>
      backtest({
        input,
        incidents: at("incidents.csv"),
        models: ["all"],
        mergeMs: 1,
        dataDir: at("d3"),
        seed: 1,
        now: () => 0,
        say: () => {},
      });
    await expect(judged(at("in/web.csv"))).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});

describe("input that is not as it should be", () => {
  const say = () => {};
  const read = (text: string, name = "x.csv", more = {}) => {
    writeFileSync(at(name), text);
    return readHistory({ input: at(name), part: "train", say, ...more });
  };
  it("sorts, keeps duplicates, and tells entities apart", async () => {
    const [a, b] = await read(
      "timestamp,entity,v\n2026-01-01 00:02,a,3\n2026-01-01 00:01,a,1\n2026-01-01 00:01,a,2\n2026-01-01 00:01,b,\n",
    );
    expect([a!.entity, [...a!.values], b!.entity, [...b!.values]]).toEqual(["a", [1, 2, 3], "b", [Number.NaN]]);
  });
  it("reads JSON lines", async () => {
    const [h] = await read(
      '{"timestamp":"2026-01-01T00:00:00Z","cpu":1}\n\n{"timestamp":"2026-01-01T00:01:00Z","cpu":null}\n',
      "x.jsonl",
    );
    expect([h!.columns, [...h!.values]]).toEqual([["cpu"], [1, Number.NaN]]);
  });
  it("makes incidents of a label column", async () => {
    const [h] = await read("timestamp,v,label\n1,1,0\n2,1,1\n3,1,1\n4,1,0\n5,1,1\n", "l.csv", { labelColumn: "label" });
    expect(h!.incidents.map((i) => [i.start, i.end])).toEqual([
      [2, 4],
      [5, 6],
    ]);
    expect(h!.columns).toEqual(["v"]);
  });
  it.each([
    ["empty", "", "x.csv"],
    ["no rows", "timestamp,v\n", "x.csv"],
    ["no JSON", "{\n", "y.jsonl"],
    ["an array a line", "[1]\n", "y.jsonl"],
  ])("refuses %s", async (_, text, name) => {
    await expect(read(text, name)).rejects.toMatchObject({ name: "PipelineError" });
  });
  it.each([
    ["no start", "from_time,end\n1,2\n", ":1"],
    ["no time", "start,end\n1,2\nsoon,3\n", ":3"],
    ["an end before the start", "start,end\n5,2\n", ":2"],
    ["nothing", "", ":1"],
  ])("refuses incidents with %s, with the line", async (_, text, where) => {
    writeFileSync(at("i.csv"), text);
    await expect(readIncidents(at("i.csv"))).rejects.toThrow(`i.csv${where}`);
  });
  it("explains incidents that are of no row", async () => {
    const incidents = [{ start: 1, end: 2, entity: "other", cause: "" }];
    await expect(read("timestamp,v\n1,1\n2,1\n", "x.csv", { incidents })).rejects.toThrow(/none of the 1 incidents/);
  });
});
