import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { parseXmlRpc, xmlRpc } from "../../../pipelines/recover/actions/common/xml-rpc.ts";
import { supervisord } from "../../../pipelines/recover/actions/supervisord.ts";
import { checkManagedProcess, type Managed, programOf } from "../managed-process.ts";
import { describeReal } from "../real.ts";

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

async function startSupervisord(): Promise<Managed & { target: UseOf<"supervisord"> }> {
  const dir = mkdtempSync(join(tmpdir(), "fw-sv-"));
  const at = (name: string) => join(dir, name);
  const port = await freePort();
  const [node = "", flag = "", script = ""] = programOf(port);
  writeFileSync(at("program.cjs"), script);
  writeFileSync(
    at("conf"),
    `[supervisord]
logfile=${at("log")}
pidfile=${at("pid")}
childlogdir=${dir}
[unix_http_server]
file=${at("sock")}
username=ops
password=s3:cret
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:shop]
command=${node} ${at("program.cjs")}
autorestart=false
startsecs=0
stopwaitsecs=1
[program:broken]
command=/nonexistent
autostart=false
`,
  );
  expect(flag).toBe("-e");
  const daemon = spawn("supervisord", ["-n", "-c", at("conf")], { stdio: "ignore" });
  process.env.FAULTWRIGHT_TEST_SV = "s3:cret";
  for (let i = 0; i < 300 && !existsSync(at("sock")); i++) await new Promise((go) => setTimeout(go, 50));
  const health = { kind: "http", url: `http://127.0.0.1:${port}/`, timeout: 500 };
  const own = { kind: "supervisord", socket: at("sock"), user: "ops", passwordEnv: "FAULTWRIGHT_TEST_SV" };
  const target = recoveryTarget.parse({ name: "shop", use: { ...own, program: "shop", health, start: "10s" } })
    .use as UseOf<"supervisord">;
  return {
    use: target,
    target,
    steps: ["stop", "start"],
    revives: false,
    async signal(name) {
      const info = (await xmlRpc({ at: { socket: at("sock") }, auth: "ops:s3:cret" }, "supervisor.getProcessInfo", [
        "shop",
      ])) as { pid: number };
      process.kill(info.pid, name);
    },
    async stop() {
      await xmlRpc({ at: { socket: at("sock") }, auth: "ops:s3:cret" }, "supervisor.shutdown", []).catch(
        () => undefined,
      );
      if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, "exit");
      rmSync(dir, { recursive: true, maxRetries: 5 });
    },
  };
}
const present = (process.env.PATH ?? "").split(":").some((d) => existsSync(join(d, "supervisord")));

describeReal("a program of a real supervisord", present, () => {
  checkManagedProcess(startSupervisord, ["stop", "start"]);
  it("says what it says of programs that are unknown, can't start, or need a password", async () => {
    const own = await startSupervisord();
    try {
      const other = (more: object) => supervisord({ targets: { t: { ...own.target, ...more } } }).restart!;
      expect(await other({ program: "none" }).probe("t")).toMatchObject({
        exists: false,
        detail: "unknown to supervisord, not running",
      });
      // A name is a value: nothing in it is markup or a second argument.
      const hostile = "shop</string></value></param><param><value><string>x\u0000\u0008";
      expect(await other({ program: hostile }).probe("t")).toMatchObject({ exists: false });
      const broken = other({ program: "broken" });
      const state = await broken.probe("t");
      const { testContext } = await import("../fixtures.ts");
      await expect(broken.execute("t", state, testContext())).rejects.toThrow(/fault \d+: .*(NO_FILE|SPAWN_ERROR)/);
      await expect(other({ user: undefined }).probe("t")).rejects.toThrow("status 401");
      await expect(other({ socket: "/nonexistent" }).probe("t")).rejects.toThrow("ENOENT");
    } finally {
      await own.stop();
    }
  }, 60_000);
});

describe("XML-RPC", () => {
  const body = (value: string) =>
    `<?xml version='1.0'?><methodResponse><params><param><value>${value}</value></param></params></methodResponse>`;
  it.each([
    ["<string>a &lt; b</string>", "a < b"],
    ["bare", "bare"],
    ["<i4>-3</i4>", -3],
    ["<boolean>1</boolean>", true],
    ["<nil/>", null],
    ["<array><data><value><int>1</int></value><value>x</value></data></array>", [1, "x"]],
    ["<array><data></data></array>", []],
    [
      "<struct><member><name>__proto__</name><value><int>1</int></value></member></struct>",
      JSON.parse('{"__proto__":1}'),
    ],
    [
      "<struct><member><name>a</name><value><struct><member><name>b</name><value>c</value></member></struct></value></member></struct>",
      { a: { b: "c" } },
    ],
  ])("reads %s", (text, value) =>
    expect(JSON.stringify(parseXmlRpc(body(text), "t").value)).toBe(JSON.stringify(value)),
  );
  it("reads faults, and refuses what is no answer", () => {
    const fault = body("").replace(
      "<params><param><value></value></param></params>",
      "<fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME: x</string></value></member></struct></value></fault>",
    );
    expect(parseXmlRpc(fault, "t").fault).toEqual({ code: 10, text: "BAD_NAME: x" });
    for (const bad of ["", "<html>", "no", "<a/>", `<methodResponse>${"<value>".repeat(500)}`])
      expect(() => parseXmlRpc(bad, "t")).toThrow("ACTION_FAILED");
  });
});
