import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";

const dir = mkdtempSync(join(tmpdir(), "faultwright-log-commands-"));
afterAll(() => rmSync(dir, { recursive: true }));
const main = join(import.meta.dirname, "../../pipelines/cli/main.ts");
const run = (...args: string[]) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--import", "tsx", main, ...args], {
    encoding: "utf8",
  });
  return { status, stderr, stdout };
};
const file = (name: string, content: string | Buffer) => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};

describe("templates", () => {
  it("writes one row a line, of a gzip file with a header, with typed values", () => {
    const input = file("app.log.gz", gzipSync('d1 t1 user bob, "x" in 5ms\r\n\r\nd1 t2 user bob, "x" in 70ms\n'));
    const output = join(dir, "out.csv");
    const done = run(
      "templates",
      "--input",
      input,
      "--output",
      output,
      "--format",
      "<Date> <Time> <Content>",
      "--parameters",
      "--json",
    );
    expect(done).toMatchObject({ status: 0 });
    expect(JSON.parse(done.stdout)).toMatchObject({ lines: 3, templates: 2 });
    expect(readFileSync(output, "utf8")).toBe(
      'LineId,EventId,Template,Parameters\n1,T1,"user bob, ""x"" in <*>","[[""duration"",""5ms""]]"\n2,T2,"","[]"\n3,T1,"user bob, ""x"" in <*>","[[""duration"",""70ms""]]"\n',
    );
    expect(readdirSync(dir).filter((f) => /partial|ids/.test(f))).toEqual([]);
  });

  it("gives a stack trace the template of its message, and shows no secret", () => {
    const input = file(
      "trace.log",
      "failed in 5 ms token=abc7\njava.io.X: no\n\tat a.b(C.java:1)\nCaused by: y\nfailed in 6 ms token=abd8\n",
    );
    const output = join(dir, "joined.csv");
    expect(
      run("templates", "--input", input, "--output", output, "--multi-line", "--redact", "--parameters").status,
    ).toBe(0);
    const rows = readFileSync(output, "utf8").split("\n").slice(1, 6);
    expect(rows.map((row) => row.split(",")[1])).toEqual(["T1", "T2", "T2", "T2", "T1"]);
    expect(rows.join()).not.toMatch(/abc7|abd8/);
  });

  it.each([
    { what: "a bad format", args: ["--format", "<Date>"], input: "a\n", status: 2, says: /CONFIG_INVALID/ },
    { what: "no input", args: [], input: undefined, status: 1, says: /SOURCE_UNREADABLE/ },
  ])("ends with $status for $what", ({ args, input, status, says }) => {
    const path = input === undefined ? join(dir, "none.log") : file("in.log", input);
    const output = join(dir, "never.csv");
    const done = run("templates", "--input", path, "--output", output, ...args);
    expect(done.status).toBe(status);
    expect(done.stderr).toMatch(says);
    expect(existsSync(output)).toBe(false);
  });
});

describe("score-sessions", () => {
  const normal = Array.from({ length: 200 }, (_, i) => `n${i},0,open ${"work ".repeat(1 + (i % 3))}close`);
  const train = () => file("train.csv", `SessionId,Label,Events\n${normal.join("\n")}\n`);

  it("scores every session in order and flags the odd one", () => {
    const input = file("input.csv", 'SessionId,Events\n"a,1",open work close\nb,open crash\n');
    const output = join(dir, "scores.csv");
    const done = run("score-sessions", "--train", train(), "--input", input, "--output", output);
    expect(done).toMatchObject({ status: 0 });
    const rows = readFileSync(output, "utf8").trim().split("\n");
    expect(rows[0]).toBe("SessionId,score,flag");
    expect(rows[1]).toMatch(/^"a,1",[\d.]+,0$/);
    expect(rows[2]).toMatch(/^b,[\d.]+,1$/);
  });

  it.each([{ what: "labels of one kind", args: ["--labels"], says: /CONFIG_INVALID.*missing/ }])(
    "ends with 2 for $what",
    ({ args, says }) => {
      const done = run(
        "score-sessions",
        "--train",
        train(),
        "--input",
        train(),
        "--output",
        join(dir, "no.csv"),
        ...args,
      );
      expect(done.status).toBe(2);
      expect(done.stderr).toMatch(says);
    },
  );
});
