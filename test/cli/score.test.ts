import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scoreFile, scoreTree, trainFor } from "../../pipelines/run/score.ts";
import { lcg } from "../models/stream/lcg.ts";

const root = join(import.meta.dirname, "../..");
let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-score-test-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const noise = lcg(4000, 3);
const stamp = (i: number) => new Date(1.6e12 + i * 300_000).toISOString().slice(0, 19).replace("T", " ");
const line = (i: number) => `${stamp(i)},${(10 + 5 * noise[i]!).toFixed(4)},${i === 350 ? 1 : 0}`;
const csv = (n: number, of = line) =>
  `timestamp,value,label\n${Array.from({ length: n }, (_, i) => of(i)).join("\n")}\n`;
const wide = (i: number) =>
  `${i},${[0, 1, 2].map((j) => (noise[i]! * 3 + noise[(i + 7 * j) % 4000]!).toFixed(4)).join(",")}`;
const wideCsv = (n: number, from = 0) =>
  `timestamp,a,b,c\n${Array.from({ length: n }, (_, i) => wide(from + i)).join("\n")}\n`;

let made = 0;
/** Scores a text; gives the lines of the output. */
async function scored(text: string | Buffer, options: { name?: string; explain?: boolean; train?: string } = {}) {
  const { name = `${made++}.csv`, ...rest } = options;
  const [input, output] = [join(dir, name), join(dir, `out-${name.replace(/\.gz$/, "")}`)];
  writeFileSync(input, text);
  const notes: string[] = [];
  const done = await scoreFile({ input, output, say: (n) => notes.push(n), ...rest });
  return { ...done, lines: readFileSync(output, "utf8").split("\n"), notes };
}
const columns = (lines: readonly string[]) => lines.slice(1, -1).map((l) => l.split(","));

describe("score", () => {
  it("writes timestamp, score and alarm for every row, in order, with enough digits", async () => {
    const { lines, rows } = await scored(csv(600));
    expect(rows).toBe(600);
    expect(lines[0]).toBe("timestamp,score,alarm");
    const cells = columns(lines);
    expect(cells.map((c) => c[0])).toEqual(Array.from({ length: 600 }, (_, i) => stamp(i)));
    for (const [, score, alarm] of cells) {
      expect(score).toMatch(/^[01]\.\d{12}$/);
      expect(alarm).toMatch(/^(0|0\.\d{12})$/);
    }
  });

  it("does not look at labels", async () => {
    const without = await scored(csv(600).replace("timestamp,value,label", "timestamp,value,is_anomaly"));
    const other = await scored(csv(600, (i) => line(i).replace(/,[01]$/, ",1")));
    expect(other.lines).toEqual((await scored(csv(600))).lines);
    expect(without.lines).toEqual(other.lines);
  });

  it.each([
    ["one column", csv],
    ["several", wideCsv],
  ])("is causal, %s: the scores of a prefix are the prefix of the scores", async (_, make) => {
    const whole = await scored(make(1500));
    for (const n of [1, 40, 900])
      expect((await scored(make(n))).lines.slice(0, n + 1)).toEqual(whole.lines.slice(0, n + 1));
  });

  it.each([
    ["a byte order mark and CRLF", (t: string) => `\uFEFF${t.replaceAll("\n", "\r\n")}`],
    ["no line end at the end", (t: string) => t.trimEnd()],
    ["blank lines", (t: string) => t.replaceAll("\n", "\n\n")],
    ["quoted cells", (t: string) => t.replace(/^(.*?),(.*?),/gm, '"$1","$2",')],
    ["spaces round numbers", (t: string) => t.replace(/^(\d.*?),(.*?),/gm, "$1, $2 ,")],
  ])("reads %s as if it were plain", async (_, change) => {
    const plain = columns((await scored(csv(300))).lines);
    expect(columns((await scored(change(csv(300)))).lines)).toEqual(plain);
  });

  it("reads gzip", async () => {
    const { lines } = await scored(gzipSync(csv(300)), { name: "packed.csv.gz" });
    expect(lines).toEqual((await scored(csv(300))).lines);
  });

  it.each([
    ["gaps", (i: number) => (i % 7 === 0 ? `${stamp(i)},,0` : line(i))],
    ["NaN and infinity", (i: number) => `${stamp(i)},${["NaN", "inf", "-Infinity", "3", "4"][i % 5]},0`],
    ["1e300", (i: number) => `${stamp(i)},${i % 50 === 0 ? "1e300" : i},0`],
    ["duplicates", (i: number) => line(i >> 1)],
    ["rows out of order", (i: number) => line(i ^ 1)],
    ["no times at all", (i: number) => `x,${noise[i]},0`],
    ["row numbers for times", (i: number) => `${i},${noise[i]},0`],
    ["only gaps", (i: number) => `${stamp(i)},,0`],
  ])("takes %s", async (_, of) => {
    const { lines } = await scored(csv(400, of));
    const cells = columns(lines);
    expect(cells.length).toBe(400);
    expect(cells.every(([, s, a]) => Number(s) >= 0 && Number(s) <= 1 && Number(a) >= 0 && Number(a) <= 1)).toBe(true);
  });

  it("takes one row, and no rows", async () => {
    expect((await scored(csv(1))).lines).toEqual(["timestamp,score,alarm", `${stamp(0)},0.000000000000,0`, ""]);
    expect((await scored("timestamp,value\n")).lines).toEqual(["timestamp,score,alarm", ""]);
    expect((await scored("timestamp,a,b")).lines).toEqual(["timestamp,score,alarm", ""]);
  });

  it("says which cells it could not read, with the place", async () => {
    const text = csv(20)
      .replace(line(4), `${stamp(4)},oops,0`)
      .replace(line(9), stamp(9));
    const { notes, rows } = await scored(text, { name: "odd.csv" });
    expect(rows).toBe(20);
    expect(notes).toEqual([
      expect.stringContaining("odd.csv:11: 1 rows have not 3 cells"),
      expect.stringContaining('odd.csv:6: column value has 1 cells that are no numbers (first: "oops")'),
    ]);
  });

  it.each([
    ["an empty file", "", /DECODE_BAD_FIELD at .*:1: .*no header/],
    ["no time column", "a,b\n1,2\n", /:1: .*no column `timestamp`/],
    ["no value column", "timestamp,label\n1,0\n", /:1: .*no column of values/],
    ["an open quote", 'timestamp,value\n1,2\n2,"3\n', /:3: .*quote is not closed/],
    ["gzip that is none", Buffer.from("timestamp,value\n1,2\n"), /SOURCE_UNREADABLE/],
  ])("refuses %s with its place, and leaves no output", async (what, text, message) => {
    const name = what.startsWith("gzip") ? "bad.csv.gz" : `bad-${what.replaceAll(" ", "-")}.csv`;
    await expect(scored(text, { name })).rejects.toThrow(message);
    expect(readdirSync(dir).filter((f) => f.startsWith(`out-${name.replace(/\.gz$/, "")}`))).toEqual([]);
  });

  it("learns from a train file, whose columns may be in another order", async () => {
    const train = join(dir, "a.train.csv");
    writeFileSync(train, wideCsv(1500, 1000));
    const shuffled = join(dir, "b.train.csv");
    const turned = wideCsv(1500, 1000).replace(/^(.*?),(.*?),(.*?),(.*?)$/gm, "$1,$4,$2,$3");
    writeFileSync(shuffled, turned);
    const plain = await scored(wideCsv(500));
    const taught = await scored(wideCsv(500), { train });
    expect(taught.lines).not.toEqual(plain.lines);
    expect((await scored(wideCsv(500), { train: shuffled })).lines).toEqual(taught.lines);
    writeFileSync(train, csv(100));
    await expect(scored(wideCsv(500), { train })).rejects.toThrow(/a.train.csv:1: .*lacks the columns a, b, c/);
  });

  it("explains in words and in numbers", async () => {
    const { lines } = await scored(
      csv(600, (i) => (i === 590 ? `${stamp(i)},40,0` : line(i))),
      { explain: true },
    );
    expect(lines[0]).toBe("timestamp,score,alarm,expected,lower,upper,tail,reason");
    const [, , alarm, expected, lower, upper, tail, reason] = (lines[591] as string).split(",");
    expect(Number(alarm)).toBeGreaterThanOrEqual(0.5);
    expect(Number(lower) < Number(expected) && Number(expected) < Number(upper) && Number(upper) < 40).toBe(true);
    expect(Number(tail)).toBeLessThan(0.05);
    expect(reason).toMatch(/^[\d.]+ times the usual ([\dmin s:]+ (cycle )?level of )?[\d.]+$/);
    const several = await scored(wideCsv(600), { explain: true });
    expect(several.lines[600]).toMatch(/,[abc]: [^,]*usual/);
  });
});

describe("score of a folder", () => {
  const tree = () => {
    const at = mkdtempSync(join(dir, "tree-"));
    mkdirSync(join(at, "in/x/y"), { recursive: true });
    writeFileSync(join(at, "elsewhere.csv"), csv(200));
    symlinkSync(join(at, "elsewhere.csv"), join(at, "in/one.csv"));
    writeFileSync(join(at, "in/x/y/two.csv.gz"), gzipSync(csv(100)));
    writeFileSync(join(at, "in/x/m.test.csv"), wideCsv(300));
    writeFileSync(join(at, "in/x/m.train.csv.gz"), gzipSync(wideCsv(800, 1000)));
    writeFileSync(join(at, "in/windows.json"), "{}");
    return at;
  };
  it("mirrors it, and takes x.train.csv for x.test.csv when told to", async () => {
    const at = tree();
    const run = (output: string, more = {}) => scoreTree({ input: join(at, "in"), output: join(at, output), ...more });
    const { files, failed } = await run("out", { train: join(at, "in") });
    expect(failed).toBe(0);
    expect(files.map((f) => f.output.slice(at.length + 5))).toEqual([
      "one.csv",
      "x/m.test.csv",
      "x/m.train.csv",
      "x/y/two.csv",
    ]);
    expect(files.map((f) => f.train?.slice(at.length + 4) ?? null)).toEqual([null, "x/m.train.csv.gz", null, null]);
    const alone = await run("alone");
    expect(alone.files.map((f) => f.train)).toEqual([null, null, null, null]);
    const text = (output: string) => readFileSync(join(at, output, "x/m.test.csv"), "utf8");
    expect(text("alone")).not.toBe(text("out"));
    await run("in/inside"); // its own output is no input
    expect(existsSync(join(at, "in/inside/inside"))).toBe(false);
  });

  it("goes on after a file that can't be scored, and counts it", async () => {
    const at = tree();
    writeFileSync(join(at, "in/x/none.csv"), "a,b\n1,2\n");
    const notes: string[] = [];
    const { files, failed } = await scoreTree({
      input: join(at, "in"),
      output: join(at, "out"),
      say: (n) => notes.push(n),
    });
    expect([files.length, failed]).toEqual([4, 1]);
    expect(notes.join()).toContain("none.csv:1");
  });

  it.each([
    ["x/m.test.csv.gz", "x/m.train.csv.gz"],
    ["x/m.csv", "x/m.train.csv.gz"],
    ["one.csv", "one.csv"],
    ["two.csv", undefined],
  ])("in another folder, %s learns from %s", (name, expected) => {
    const folder = join(tree(), "in");
    expect(trainFor(name, folder, dir)).toBe(expected && join(folder, expected));
  });
});

describe("score on the command line", () => {
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", "pipelines/cli/main.ts", "score", ...args], {
      cwd: root,
      encoding: "utf8",
    });

  it("saves a model and goes on from it", () => {
    const [first, second, whole] = ["s1.csv", "s2.csv", "s.csv"].map((f) => join(dir, f)) as [string, string, string];
    const lines = csv(500).trimEnd().split("\n");
    writeFileSync(first, `${lines.slice(0, 301).join("\n")}\n`);
    writeFileSync(second, `${[lines[0], ...lines.slice(301)].join("\n")}\n`);
    writeFileSync(whole, csv(500));
    const model = join(dir, "model.json");
    const out = (n: number) => join(dir, `s${n}.out.csv.gz`);
    expect(cli("--input", first, "--output", out(1), "--save-model", model).status).toBe(0);
    expect(cli("--input", second, "--output", out(2), "--model", model).status).toBe(0);
    const report = cli("--input", whole, "--output", out(3), "--json");
    expect(JSON.parse(report.stdout).files[0]).toMatchObject({ rows: 500, columns: 1, train: null });
    const rows = (n: number) =>
      gunzipSync(readFileSync(out(n)))
        .toString()
        .trimEnd()
        .split("\n")
        .slice(1);
    expect([...rows(1), ...rows(2)]).toEqual(rows(3));
  });

  it.each([
    ["no input", ["--output", "/tmp/x.csv"]],
    ["an input that is not there", ["--input", "/none/a.csv", "--output", "/tmp/x.csv"]],
    ["a model that is none", ["--input", "package.json", "--output", "/tmp/x.csv", "--model", "package.json"]],
  ])("ends with 2 for %s, and says why", (_, args) => {
    const { status, stderr } = cli(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/input|no such|saved model/);
  });

  it("ends with 1 for a file that can't be scored", () => {
    const { status, stderr } = cli("--input", "package.json", "--output", join(dir, "never.csv"));
    expect(status).toBe(1);
    expect(stderr).toMatch(/package\.json:1: .*timestamp/);
    expect(existsSync(join(dir, "never.csv"))).toBe(false);
  });

  it("documents itself", () => {
    const help = execFileSync(process.execPath, ["--import", "tsx", "pipelines/cli/main.ts", "score", "--help"], {
      cwd: root,
      encoding: "utf8",
    });
    for (const option of ["--input", "--output", "--train", "--model", "--explain"]) expect(help).toContain(option);
  });
});
