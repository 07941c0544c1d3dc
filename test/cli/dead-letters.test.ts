import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeadLetter } from "../../pipelines/core/records.ts";
import { openJournal } from "../../pipelines/runtime/embedded/journal.ts";
import { verifyAudit } from "../../pipelines/runtime/store/audit.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

const root = resolve(import.meta.dirname, "../..");
const dir = mkdtempSync(join(tmpdir(), "faultwright-letters-"));
const dataDir = join(dir, "data");
const endpointFile = join(dataDir, "endpoint.json");
const FAULTWRIGHT = ["--import", "tsx", join(root, "pipelines/cli/main.ts")];
/** No protobuf, and no text either. */
const GARBAGE = Buffer.from([0xff, 0xfe, 0x00, 0x81, 0x0a, 0x07, 0x1b, 0x5b]);

/** What the command line gives. */
const faultwright = (...args: string[]) =>
  new Promise<{ code: number; out: Buffer; err: string }>((done) => {
    const all = [...FAULTWRIGHT, "dead-letters", ...args, "--data-dir", dataDir];
    execFile(process.execPath, all, { encoding: "buffer", cwd: root }, (error, out, err) =>
      done({ code: Number(error?.code ?? 0), out, err: err.toString() }),
    );
  });
const list = async (...args: string[]) =>
  JSON.parse((await faultwright("list", "--json", ...args)).out.toString()) as (DeadLetter & {
    key: string;
    replayedMs: number | null;
  })[];
async function until<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let i = 0; i < 300; i++) {
    const found = await probe();
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`${what}: not within 30 s`);
}

describe("faultwright dead-letters", () => {
  let running: ChildProcess;
  let url: string;
  const post = (path: string, body: Buffer | string, type: string) =>
    fetch(`${url}${path}`, { method: "POST", body, headers: { "content-type": type } });

  beforeAll(async () => {
    const config = join(dir, "pipeline.yaml");
    writeFileSync(
      config,
      `dataDir: ${dataDir}\nsources: [{ kind: otlp-http, port: 0 }]\nwindows: { window: 1s, lateness: 1s }\ncommit: 100ms\n`,
    );
    running = spawn(process.execPath, [...FAULTWRIGHT, "run", "--config", config], { stdio: "ignore", cwd: root });
    url = await until("the pipeline is up", () =>
      existsSync(endpointFile) ? (JSON.parse(readFileSync(endpointFile, "utf8")).url as string) : undefined,
    );
    expect((await post("/v1/metrics", GARBAGE, "application/x-protobuf")).status).toBe(200);
    expect((await post("/v1/logs", '{"resourceLogs": 3', "application/json")).status).toBe(200);
    await until("both are letters", async () => ((await list()).length === 2 ? true : undefined));
  }, 60_000);
  afterAll(async () => {
    if (running.exitCode === null) running.kill("SIGKILL");
    rmSync(dir, { recursive: true });
  });

  it("lists newest first, by code and by time, and says so when there is none", async () => {
    const all = await list();
    expect(all.map((l) => l.format)).toEqual(["otlp-logs-json", "otlp-metrics-proto"]);
    expect(all[0]).not.toHaveProperty("payload");
    expect((await list("--code", "DECODE_BAD_PROTOBUF")).map((l) => l.key)).toEqual([all[1]?.key]);
    expect(await list("--limit", "1")).toEqual([all[0]]);
    expect(await list("--since", "1h")).toHaveLength(2);
    expect(await list("--since", "2100-01-01")).toEqual([]);
    expect((await faultwright("list", "--source", "elsewhere")).out.toString()).toBe("no dead letters\n");
    const { out } = await faultwright("list");
    expect(out.toString()).toContain("the payload is not valid JSON");
  });

  it("shows what came, byte for byte, and sends no control characters to a terminal", async () => {
    const [, garbage] = await list();
    const key = garbage?.key as string;
    expect((await faultwright("show", key, "--raw")).out.equals(GARBAGE)).toBe(true);
    const shown = (await faultwright("show", key)).out.toString();
    expect(shown).toContain(GARBAGE.toString("hex"));
    expect(shown).not.toContain("\u001b");
    expect(await faultwright("show", "nobody")).toMatchObject({ code: 1 });
  });

  it("gives payloads to nobody without the token", async () => {
    const [letter] = await list();
    const path = `/api/dead-letters/letter?${new URLSearchParams({ key: letter?.key as string })}`;
    expect((await fetch(url + path)).status).toBe(401);
    expect((await fetch(`${url}/api/dead-letters/replay`, { method: "POST" })).status).toBe(401);
    expect(await (await fetch(`${url}/api/topics/dead-letters`)).text()).not.toContain('"payload"');
  });

  it.each([[[]], [["--all", "some-key"]], [["--all", "--since", "soon"]]])(
    "refuses replay %j as bad usage",
    async (args) => {
      expect(await faultwright("replay", ...args)).toMatchObject({ code: 2 });
    },
  );

  it("sends a record back through the journal, with its format and arrival, once", async () => {
    const [, garbage] = await list();
    const key = garbage?.key as string;
    const code = ["--code", "DECODE_BAD_PROTOBUF"];
    const first = await faultwright("replay", ...code);
    expect(first.out.toString()).toContain(`sent back ${key}`);
    expect(first.out.toString()).toContain("TIME_TOO_LATE");
    // It is as bad as before, so it is refused again: another letter, about another place in the journal.
    const [again] = await until("it is refused again", async () => {
      const letters = await list(...code);
      return letters.length === 2 ? letters : undefined;
    });
    expect(again).toMatchObject({ format: garbage?.format, ingestTimeMs: garbage?.ingestTimeMs, replayedMs: null });
    expect((await list(...code))[1]?.replayedMs).toBeGreaterThan(0);
    const second = await faultwright("replay", key, "--json");
    expect(second.code).toBe(1);
    expect(JSON.parse(second.out.toString())).toMatchObject({ key, replayed: false });
    expect((await faultwright("replay", key, "--again")).out.toString()).toContain(`sent back ${key}`);
    await until("and again", async () => ((await list(...code)).length === 3 ? true : undefined));
  }, 60_000);

  it("reads the store when nothing runs, where what was done is in the audit", async () => {
    const before = await list();
    const gone = new Promise((done) => running.once("exit", done));
    running.kill("SIGTERM");
    await gone;
    expect(await list()).toEqual(before);
    expect((await faultwright("show", before[0]?.key as string, "--raw")).out.equals(GARBAGE)).toBe(true);
    expect(await faultwright("replay", "--all")).toMatchObject({ code: 1 });
    const store = await openStore(join(dataDir, "store"));
    const trail = await store.auditTrail();
    await store.close();
    expect(trail.map((e) => e.event)).toEqual(["replay", "replay"]);
    expect(verifyAudit(trail)).toEqual({ ok: true });
    const journal = await openJournal({ dir: join(dataDir, "journal"), readOnly: true });
    const records = await journal.read(undefined, 1 << 20);
    await journal.close();
    const times = records.filter((r) => Buffer.from(r.value).equals(GARBAGE)).map((r) => r.ingestTimeMs);
    expect(times).toHaveLength(3);
    expect(new Set(times).size).toBe(1);
  }, 60_000);
});
