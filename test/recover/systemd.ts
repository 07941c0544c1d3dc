/** A real systemd: it boots in a container of systemd-nspawn over this host's own /usr; its own systemctl talks to it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoveryTarget } from "../../pipelines/core/recover-config.ts";
import { type Managed, programOf } from "./managed-process.ts";

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
const quiet = { stdio: "ignore" as const };
const works = (file: string, ...args: string[]) => {
  try {
    execFileSync(file, args, quiet);
    return true;
  } catch {
    return false;
  }
};

export async function startSystemd(): Promise<Managed> {
  const dir = mkdtempSync(join(tmpdir(), "fw-sd-"));
  const root = join(dir, "root");
  for (const sub of ["usr", "etc/systemd/system", "run", "tmp", "var", "proc", "sys", "dev", "root", "opt"])
    mkdirSync(join(root, sub), { recursive: true });
  for (const sub of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${sub}`, join(root, sub));
  writeFileSync(join(root, "etc/os-release"), "ID=debian\n");
  writeFileSync(join(root, "etc/machine-id"), "");
  for (const file of ["passwd", "group", "nsswitch.conf"])
    writeFileSync(join(root, "etc", file), readFileSync(`/etc/${file}`));
  const port = await freePort();
  const [, , script = ""] = programOf(port, "/opt/starts");
  writeFileSync(join(root, "opt/program.cjs"), script);
  writeFileSync(
    join(root, "etc/systemd/system/shop.service"),
    `[Service]\nExecStart=/opt/node /opt/program.cjs\nTimeoutStopSec=1\n`,
  );
  writeFileSync(join(root, "opt/node"), "");
  const nspawn = spawn(
    "systemd-nspawn",
    [
      ...["--quiet", "--register=no", "--keep-unit", "--kill-signal=SIGRTMIN+3", "--bind-ro=/usr"],
      ...[`--bind-ro=${process.execPath}:/opt/node`, "-D", root, "-b", "systemd.unit=basic.target"],
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  const leader = () => {
    const path = `/proc/${nspawn.pid}/task/${nspawn.pid}/children`;
    return existsSync(path) ? readFileSync(path, "utf8").trim().split(" ")[0] : undefined;
  };
  const inside = (...args: string[]) => ["-t", String(leader()), "-m", "-u", "-i", "-p", "--", ...args];
  for (let i = 0; i < 200; i++, await new Promise((go) => setTimeout(go, 100)))
    if (leader() && works("nsenter", ...inside("/usr/bin/systemctl", "is-active", "basic.target"))) break;
  // The adapter runs `systemctl` by name: here it is the container's own.
  writeFileSync(join(dir, "systemctl"), `#!/bin/sh\nexec nsenter ${inside("/usr/bin/systemctl").join(" ")} "$@"\n`, {
    mode: 0o755,
  });
  const path = process.env.PATH;
  process.env.PATH = `${dir}:${path}`;
  execFileSync("systemctl", ["start", "shop.service"]);
  const health = { kind: "http", url: `http://127.0.0.1:${port}/`, timeout: 2000 };
  return {
    use: recoveryTarget.parse({ name: "shop", use: { kind: "systemd", unit: "shop.service", health, start: "10s" } })
      .use,
    starts: join(root, "opt/starts"),
    async signal(name) {
      execFileSync("systemctl", ["kill", `--signal=${name}`, "shop.service"]);
    },
    async stop() {
      process.env.PATH = path;
      const first = leader();
      if (first) process.kill(Number(first), "SIGKILL");
      if (nspawn.exitCode === null && nspawn.signalCode === null) await once(nspawn, "exit");
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
export const hasSystemd =
  process.getuid?.() === 0 && existsSync("/usr/bin/systemd-nspawn") && existsSync("/usr/bin/nsenter");
