/** A real supervisord of our own, with one program that runs and one that can't. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoveryTarget, type UseOf } from "../../pipelines/core/recover-config.ts";
import { xmlRpc } from "../../pipelines/recover/actions/common/xml-rpc.ts";
import { type Managed, programOf } from "./managed-process.ts";

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export async function startSupervisord(): Promise<Managed & { target: UseOf<"supervisord"> }> {
  const dir = mkdtempSync(join(tmpdir(), "fw-sv-"));
  const at = (name: string) => join(dir, name);
  const port = await freePort();
  const [node = "", , script = ""] = programOf(port, at("starts"));
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
  const daemon = spawn("supervisord", ["-n", "-c", at("conf")], { stdio: "ignore" });
  process.env.FAULTWRIGHT_TEST_SV = "s3:cret";
  for (let i = 0; i < 300 && !existsSync(at("sock")); i++) await new Promise((go) => setTimeout(go, 50));
  const health = { kind: "http", url: `http://127.0.0.1:${port}/`, timeout: 2000 };
  const own = { kind: "supervisord", socket: at("sock"), user: "ops", passwordEnv: "FAULTWRIGHT_TEST_SV" };
  const target = recoveryTarget.parse({ name: "shop", use: { ...own, program: "shop", health, start: "10s" } })
    .use as UseOf<"supervisord">;
  return {
    use: target,
    target,
    starts: at("starts"),
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
export const hasSupervisord = (process.env.PATH ?? "").split(":").some((d) => existsSync(join(d, "supervisord")));
