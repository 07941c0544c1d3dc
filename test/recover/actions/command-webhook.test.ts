import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { command } from "../../../pipelines/recover/actions/command.ts";
import { runCommand } from "../../../pipelines/recover/actions/common/run-command.ts";
import { systemd } from "../../../pipelines/recover/actions/systemd.ts";
import { webhook } from "../../../pipelines/recover/actions/webhook.ts";
import { type Act, carryOut } from "../crash.ts";
import { testContext } from "../fixtures.ts";

const HOSTILE = "; touch pwned #$(touch pwned)`touch pwned`|touch pwned\n&& touch pwned --flag '\"";
let dir: string;
const at = (name: string) => join(dir, name);
const script = (text: string) => [process.execPath, "-e", text];
const append = (file: string) =>
  script(`require("fs").appendFileSync(${JSON.stringify(at(file))}, process.env.FAULTWRIGHT_ONSET_MS + "\\n")`);
const act = (use: Act["use"], kind: string): Act => ({
  ...{ use, target: HOSTILE, kind, onsetMs: 123, createdMs: Date.now() },
  trail: at("audit.jsonl"),
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fw-command-"));
  writeFileSync(at("version"), "1");
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("a command", () => {
  const target = (more = {}) =>
    recoveryTarget.parse({
      name: "t",
      use: {
        ...{ kind: "command", version: ["cat", at("version")], health: { kind: "command", command: ["true"] } },
        actions: { repair: { effect: "repairs", run: append("ran"), undo: append("undone"), ...more } },
      },
    }).use as UseOf<"command">;

  it("runs once, with the onset as a number and a target's hostile name as nothing", async () => {
    const { result } = await carryOut(act(target(), "repair"));
    expect(result).toMatchObject({ ok: true });
    expect(readFileSync(at("ran"), "utf8")).toBe("123\n");
    expect(existsSync("pwned") || existsSync(at("pwned"))).toBe(false);
    const repair = command({ targets: { t: target() } }).repair!;
    await repair.undo("t", await repair.probe("t"), testContext({ onsetMs: 5 }));
    expect(readFileSync(at("undone"), "utf8")).toBe("5\n");
  });
  it("passes every argument as it is, and no secret of ours", async () => {
    process.env.FAULTWRIGHT_SECRET_FOR_TEST = "s3cret";
    const { stdout } = await runCommand([
      ...script("console.log(JSON.stringify([process.argv.slice(1), process.env]))"),
      "--",
      HOSTILE,
      "$HOME",
    ]);
    delete process.env.FAULTWRIGHT_SECRET_FOR_TEST;
    expect(JSON.parse(stdout)[0].slice(-2)).toEqual([HOSTILE, "$HOME"]);
    expect(stdout).not.toContain("s3cret");
    await expect(runCommand(["a\0b"])).rejects.toThrow("NUL");
    await expect(runCommand([])).rejects.toThrow("no command");
  });
  it("is bounded in time, with all that it started, and in output", async () => {
    const slow = runCommand(["sh", "-c", `sleep 30 & sleep 30; touch ${at("late")}`], { timeoutMs: 200 });
    await expect(slow).rejects.toThrow("no answer within 200 ms");
    const { stdout } = await runCommand(script("process.stdout.write('x'.repeat(1e6))"), { maxOutputBytes: 1000 });
    expect(stdout).toHaveLength(1000);
  });
  it("that fails says so with the end of what it said; a failed rehearsal forbids it", async () => {
    const failing = script("console.error('no disk'); process.exit(3)");
    const repair = command({ targets: { t: target({ run: failing, rehearse: failing }) } }).repair!;
    const state = await repair.probe("t");
    await expect(repair.execute("t", state, testContext())).rejects.toThrow("exit code 3: no disk");
    await expect(repair.dryRun("t", state, testContext())).rejects.toThrow("no disk");
    await expect(repair.execute("other", state, testContext())).rejects.toThrow("ACTION_REFUSED");
  });
  it("does nothing once its target is another one", async () => {
    const plan = act(target(), "repair");
    const repair = command({ targets: { t: target() } }).repair!;
    const before = await repair.probe("t");
    writeFileSync(at("version"), "2");
    expect((await repair.probe("t")).fingerprint).not.toBe(before.fingerprint);
    expect(plan.kind).toBe("repair");
  });
});

describe("a webhook", () => {
  let server: Server;
  let got: { method?: string | undefined; body: string; headers: IncomingMessage["headers"] }[];
  let answer = { status: 200, body: "ok" };
  let base: string;
  beforeEach(async () => {
    got = [];
    answer = { status: 200, body: "ok" };
    server = createServer(async (request, response) => {
      let body = "";
      for await (const part of request) body += part;
      if (request.method === "POST") got.push({ method: request.method, body, headers: request.headers });
      if (request.url === "/away") return response.writeHead(302, { location: "/elsewhere" }).end();
      response
        .writeHead(request.method === "POST" ? answer.status : 200)
        .end(request.method === "POST" ? answer.body : "v1");
    });
    await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const target = (path = "/act") =>
    recoveryTarget.parse({
      name: "t",
      use: {
        ...{ kind: "webhook", version: `${base}/version`, health: { kind: "http", url: `${base}/health` } },
        actions: { drain: { effect: "drains", url: `${base}${path}`, undo: `${base}/undo` } },
      },
    }).use as UseOf<"webhook">;

  it("is sent once, as JSON, with one key for one act", async () => {
    const { result, trail } = await carryOut(act(target(), "drain"));
    expect(result).toMatchObject({ ok: true });
    expect(got).toHaveLength(1);
    const { token } = JSON.parse(trail.find((e) => e.event === "intent")!.detail);
    expect(JSON.parse(got[0]!.body)).toEqual({
      action: "drain",
      what: "execute",
      target: HOSTILE,
      onsetMs: 123,
      key: token,
      fence: expect.any(Number),
    });
    expect(got[0]!.headers["idempotency-key"]).toBe(`${token}-execute`);
  });
  it.each([
    [500, "x", "status 500"],
    [200, "x".repeat(100_000), "longer than"],
  ])("answered with %d is not sent again", async (status, body, text) => {
    answer = { status, body };
    const { result } = await carryOut(act(target(), "drain"));
    expect(result).toMatchObject({ ok: false, detail: expect.stringContaining(text) });
    expect(got).toHaveLength(1);
  });
  it("follows no redirect", async () => {
    const drain = webhook({ targets: { t: target("/away") } }).drain!;
    await expect(drain.execute("t", await drain.probe("t"), testContext())).rejects.toThrow("ACTION_FAILED");
    expect(got).toHaveLength(1);
  });
});

/** A `systemctl` of ours that notes its arguments: what is checked is what would be run. */
describe("systemctl", () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });
  it("gets the unit as one argument after --, and a hung unit is found by its check", async () => {
    const show =
      "LoadState=loaded\\nActiveState=active\\nSubState=running\\nMainPID=$pid\\nExecMainStartTimestampMonotonic=$pid\\n";
    writeFileSync(
      at("systemctl"),
      `#!/bin/sh\nprintf '%s\\n' "$*" >>${at("calls")}\npid=$(cat ${at("pid")})\ncase "$*" in *show*) printf "${show}";; *restart*) echo 43 >${at("pid")};; esac\n`,
      { mode: 0o755 },
    );
    writeFileSync(at("pid"), "42");
    process.env.PATH = `${dir}:${path}`;
    const use = {
      kind: "systemd",
      unit: "shop@1.service",
      health: { kind: "command", command: ["false"] },
      start: 100,
    };
    const target = recoveryTarget.parse({ name: "t", use }).use as UseOf<"systemd">;
    const { restart } = systemd({ targets: { t: target } });
    const before = await restart!.probe("t");
    expect(before).toMatchObject({
      exists: true,
      healthy: false,
      detail: expect.stringContaining("active (running) as pid 42"),
    });
    await restart!.execute("t", before, testContext());
    const calls = readFileSync(at("calls"), "utf8").split("\n");
    expect(calls).toContain("--system --no-ask-password --no-pager restart -- shop@1.service");
    expect((await restart!.probe("t")).fingerprint).not.toBe(before.fingerprint);
  });
  it.each(["-x.service", "a b.service", "shop", "x;reboot.service", "$(x).service", "../x.service"])(
    "refuses the unit %j",
    (unit) => {
      expect(() => recoveryTarget.parse({ name: "t", use: { kind: "systemd", unit } })).toThrow();
    },
  );
});
