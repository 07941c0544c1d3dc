import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it, vi } from "vitest";
import { faulttreeCommand } from "../../pipelines/cli/faulttree.ts";
import { reliabilityCommand } from "../../pipelines/cli/reliability.ts";
import type { PipelineError } from "../../pipelines/core/errors.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";
import { trains } from "../measure/fault-tree/generate.ts";

const root = resolve(import.meta.dirname, "../..");
const dir = mkdtempSync(join(tmpdir(), "faultwright-measure-"));
afterAll(() => rmSync(dir, { recursive: true }));
const file = (name: string, content: string | Uint8Array) => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
/** The command in this process: what it prints, or the error that it ends with. */
const commands = { faulttree: faulttreeCommand, reliability: reliabilityCommand };
const run = async (name: keyof typeof commands, ...args: string[]) => {
  let out = "";
  let err = "";
  const catchOut = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  const catchErr = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += text;
    return true;
  });
  try {
    await commands[name]().exitOverride().parseAsync(args, { from: "user" });
    return { out, err, error: undefined };
  } catch (error) {
    const { code, exitCode, message } = error as PipelineError & { exitCode?: number };
    return { out, err: err + message, error: exitCode === undefined ? code : "usage" };
  } finally {
    catchOut.mockRestore();
    catchErr.mockRestore();
  }
};

it("a model at fault ends the process with exit code 2", async () => {
  const path = file("broken.xml", "<opsa-mef>\n<oops>");
  const args = ["--import", "tsx", join(root, "pipelines/cli/main.ts"), "faulttree", path];
  const { code, err } = await new Promise<{ code: unknown; err: string }>((done) =>
    execFile(process.execPath, args, { cwd: root }, (error, _, err) => done({ code: error?.code, err })),
  );
  expect([code, err]).toEqual([2, expect.stringMatching(/MODEL_INVALID at .*broken\.xml:2:/)]);
});

describe("faultwright faulttree", () => {
  const model = trains(2, 2, 0.1);
  it("prints the contract's fields as JSON, from plain, gzipped and UTF-16 files", async () => {
    const paths = [
      file("a.xml", model),
      file("b.xml.gz", gzipSync(model)),
      file("c.xml", Buffer.from(`\u{feff}${model}`, "utf16le")),
    ];
    const svg = join(dir, "tree.svg");
    for (const path of paths) {
      const { error, out } = await run("faulttree", path, "--json", "--svg", svg);
      expect(error).toBeUndefined();
      expect(JSON.parse(out)).toMatchObject({
        top: "top",
        rareEvent: 0.04000000000000001,
        minimalCutSets: 4,
        cutSetsByOrder: { "2": 4 },
      });
      expect(JSON.parse(out).probability).toBeCloseTo(0.0361, 12);
      expect(Object.keys(JSON.parse(out).importance.c0_0).sort()).toEqual(
        expect.arrayContaining(["birnbaum", "criticality", "fussellVesely", "occurrence", "raw", "rrw"]),
      );
    }
  });

  it("follows an include next to the file, and none elsewhere", async () => {
    file(
      "events.xml",
      `<opsa-mef><model-data><define-basic-event name="x"><float value="0.5"/></define-basic-event></model-data></opsa-mef>`,
    );
    const gate = `<define-fault-tree name="T"><define-gate name="t"><basic-event name="x"/></define-gate></define-fault-tree>`;
    const good = await run(
      "faulttree",
      file("main.xml", `<opsa-mef>${gate}<include file="events.xml"/></opsa-mef>`),
      "--json",
    );
    expect(JSON.parse(good.out).probability).toBe(0.5);
    const bad = await run(
      "faulttree",
      file("evil.xml", `<opsa-mef>${gate}<include file="../../etc/passwd"/></opsa-mef>`),
    );
    expect(bad).toMatchObject({
      error: "MODEL_INVALID",
      out: "",
      err: expect.stringMatching(/evil\.xml:1:\d+: .*can't be read from here/),
    });
  });

  it.each([
    ["a file that is not there", ["none.xml"], /no such file/],
    ["a directory", ["."], /is a directory/],
    ["no file", [], /name the files/],
    ["a bad limit", ["a.xml", "--limit-order", "0"], /whole number from 1/],
    ["a bad time", ["a.xml", "--mission-hours", "-3"], /hours >= 0/],
  ])("refuses %s", async (_, args, error) => {
    const { error: kind, err } = await run(
      "faulttree",
      ...args.map((a) => (a.endsWith(".xml") && a !== "none.xml" ? file(a, model) : a)),
    );
    expect(["usage", "MODEL_INVALID"]).toContain(kind);
    expect(err).toMatch(error);
  });

  it("refuses 100 MB, packed small", async () => {
    const bomb = gzipSync(Buffer.alloc(100 << 20, " "));
    const { error, err } = await run("faulttree", file("bomb.xml.gz", bomb));
    expect([error, err]).toEqual(["MODEL_INVALID", expect.stringContaining("longer than 67108864 bytes")]);
  });
});

describe("faultwright reliability", () => {
  it("reads the store of a pipeline that does not run, however many incidents it holds", async () => {
    const dataDir = join(dir, "data");
    const store = await openStore(join(dataDir, "store"));
    const start = Date.UTC(2026, 0, 1);
    const value = (i: number) =>
      JSON.stringify({
        id: `i${i}`,
        system: "s",
        severity: "major",
        entities: ["cart"],
        anomalies: [],
        diagnosis: null,
        times: {
          faultStartMs: start + i * 3_600_000,
          detectedMs: start + i * 3_600_000 + 60_000,
          acknowledgedMs: null,
          mitigatedMs: null,
          verifiedMs: null,
          resolvedMs: i === 0 ? null : start + i * 3_600_000 + 600_000,
        },
      });
    const outputs = Array.from({ length: 600 }, (_, i) => ({
      topic: "incidents" as const,
      key: `i${i}`,
      value: value(i),
    }));
    await store.commit({ positions: new Map(), state: new Map(), outputs });
    await store.close();
    const { error, out } = await run(
      "reliability",
      "--data-dir",
      dataDir,
      "--from",
      "2026-01-01",
      "--to",
      "2026-03-01",
      "--json",
    );
    expect(error).toBeUndefined();
    // The first ever is still open: it must not fall off the end of a page.
    expect(JSON.parse(out)).toMatchObject({ incidents: 600, open: 1, observedHours: 59 * 24 });
  });

  it.each([
    ["no data", ["--data-dir", "/nowhere/at/all"], /no pipeline's data/],
    ["no column of a beginning", ["--input", "x.csv"], /x\.csv:1: .*no column tells/],
    ["a bad objective", ["--slo", "120"], /percentage/],
  ])("refuses %s", async (_, args, error) => {
    file("x.csv", "color\nred\n");
    const { error: kind, err } = await run("reliability", ...args.map((a) => (a === "x.csv" ? join(dir, a) : a)));
    expect(["usage", "INPUT_INVALID"]).toContain(kind);
    expect(err).toMatch(error);
  });
});
