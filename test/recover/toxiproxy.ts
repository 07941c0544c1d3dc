import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

const built = join(process.env.FAULTWRIGHT_CACHE ?? join(homedir(), ".cache/faultwright"), "toxiproxy-v2.5.0/server");
const works = (file: string, ...args: string[]) => {
  try {
    execFileSync(file, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
/** Undefined where it is not installed (test/recover/install-toxiproxy.sh). */
export const TOXIPROXY = existsSync(built)
  ? built
  : works("toxiproxy-server", "-version")
    ? "toxiproxy-server"
    : undefined;
/** Where Go is, CI builds it. */
export const CAN_BUILD = works("go", "version");

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export interface Toxic {
  readonly type: "latency" | "bandwidth" | "timeout" | "reset_peer" | "slicer" | "limit_data";
  /** upstream: what we send; downstream: what comes back. */
  readonly stream?: "upstream" | "downstream";
  readonly attributes: Readonly<Record<string, number>>;
}

/** A proxy in front of `upstream` (`http://127.0.0.1:port`), and how to trouble it. */
export async function toxiproxy(upstream: string) {
  const [control, listen] = [await freePort(), await freePort()];
  const child: ChildProcess = spawn(TOXIPROXY as string, ["-host", "127.0.0.1", "-port", String(control)], {
    stdio: "ignore",
  });
  const ask = async (path: string, body?: unknown, method = body === undefined ? "GET" : "POST") => {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${control}${path}`, { method, ...text });
    if (!response.ok) throw new Error(`toxiproxy ${path}: ${response.status} ${await response.text()}`);
  };
  for (let i = 0; ; i++)
    try {
      await ask("/version");
      break;
    } catch (error) {
      if (i > 200) throw error;
      await new Promise((go) => setTimeout(go, 25));
    }
  await ask("/proxies", {
    ...{ name: "way", enabled: true, listen: `127.0.0.1:${listen}` },
    upstream: new URL(upstream).host,
  });
  return {
    url: `http://127.0.0.1:${listen}`,
    trouble: (toxic: Toxic) => ask("/proxies/way/toxics", { name: "t", stream: "downstream", toxicity: 1, ...toxic }),
    heal: () => ask("/proxies/way/toxics/t", undefined, "DELETE"),
    enable: (enabled: boolean) => ask("/proxies/way", { enabled }),
    stop: () =>
      new Promise<void>((done) => {
        child.once("exit", () => done());
        child.kill();
      }),
  };
}
