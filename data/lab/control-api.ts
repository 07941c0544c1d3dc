import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Supervisor } from "./supervisor.ts";
import { isServiceName } from "./topology.ts";

export interface ControlApi {
  url: string;
  token: string;
  close(): Promise<void>;
}

function authorized(req: IncomingMessage, token: string): boolean {
  const given = Buffer.from(req.headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function route(supervisor: Supervisor, method: string, path: string): Promise<[number, unknown]> {
  const [root, name = "", action, ...rest] = path.split("/").slice(1);
  if (root !== "services" || rest.length > 0) return [404, { error: "not found" }];
  if (name === "" && method === "GET") return [200, supervisor.services()];
  if (!isServiceName(name)) return [404, { error: `unknown service '${name}'` }];
  if (method === "GET" && action === "health") return [200, await supervisor.health(name)];
  if (method === "POST" && action === "restart") return [200, await supervisor.restart(name)];
  if (method === "POST" && action === "rollback") return [200, await supervisor.rollback(name)];
  return [404, { error: "not found" }];
}

/**
 * Serves the supervisor on a free loopback port, for holders of a random bearer token.
 * 401 without the token, 404 for what does not exist, 409 with nothing to roll back to,
 * 500 when a restarted service does not become healthy.
 */
export async function startControlApi(supervisor: Supervisor): Promise<ControlApi> {
  const token = randomBytes(24).toString("hex");

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let reply: [number, unknown];
    try {
      const path = new URL(req.url ?? "/", "http://127.0.0.1").pathname;
      reply = authorized(req, token)
        ? await route(supervisor, req.method ?? "GET", path)
        : [401, { error: "missing or wrong bearer token" }];
    } catch (error) {
      const failure = error as NodeJS.ErrnoException;
      reply = [failure.code === "NO_PREVIOUS_RELEASE" ? 409 : 500, { error: failure.message }];
    }
    res.writeHead(reply[0], { "content-type": "application/json" });
    res.end(JSON.stringify(reply[1]));
  }

  const server = createServer((req, res) => void handle(req, res));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
