/** The HTTP API of a supervisor that keeps two releases of a service. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoveryTarget } from "../../../pipelines/core/recover-config.ts";
import { supervisedProcess } from "../../../pipelines/recover/actions/supervised-process.ts";
import type { KillSite } from "./site.ts";

export const supervisorSite: KillSite = {
  present: true,
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
    const posts: string[] = [];
    let pid = 100;
    const fresh = (release: string, previousRelease: string) => ({
      ...{ name: "shop", pid: pid++, state: "running", release, previousRelease, restarts: 0, port: 1 },
      startedAtMs: Date.now(),
    });
    let service = fresh("v2", "v1");
    const server = createServer((request, response) => {
      const [, , , act] = (request.url ?? "").split("/");
      if (request.method === "POST") {
        posts.push(act ?? "");
        service =
          act === "rollback"
            ? fresh(service.previousRelease, service.release)
            : fresh(service.release, service.previousRelease);
      }
      const body =
        act === "health" ? { healthy: true, detail: "pong" } : request.method === "POST" ? service : [service];
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
    const supervisor = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: "secret" };
    const { use } = recoveryTarget.parse({ name: "shop" });
    return {
      ...{ dir, family: { ...supervisedProcess({ ...supervisor, services: ["shop"] }) } },
      async due(kind) {
        posts.length = 0;
        service = fresh("v2", "v1");
        return { use, target: "shop", kind, supervisor };
      },
      effects: async (kind) => ({ [kind]: posts.length }),
      async stop() {
        server.closeAllConnections();
        server.close();
        rmSync(dir, { recursive: true });
      },
    };
  },
};
