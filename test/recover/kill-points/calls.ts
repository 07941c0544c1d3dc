/** Commands and webhooks: whether they arrived, nobody can tell, so they are never sent again. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { command } from "../../../pipelines/recover/actions/command.ts";
import { webhook } from "../../../pipelines/recover/actions/webhook.ts";
import type { KillSite } from "./site.ts";

export const commandSite: KillSite = {
  present: true,
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
    const ran = join(dir, "ran");
    const use = recoveryTarget.parse({
      name: "t",
      use: {
        ...{ kind: "command", version: ["echo", "1"], health: { kind: "command", command: ["true"] } },
        actions: { repair: { effect: "repairs", run: ["sh", "-c", `echo ran >>"${ran}"`] } },
      },
    }).use as UseOf<"command">;
    return {
      ...{ dir, family: command({ targets: { t: use } }) },
      async due(kind) {
        rmSync(ran, { force: true });
        return { use, target: "t", kind };
      },
      effects: async () => ({ run: existsSync(ran) ? readFileSync(ran, "utf8").split("\n").length - 1 : 0 }),
      stop: async () => rmSync(dir, { recursive: true }),
    };
  },
};

export const webhookSite: KillSite = {
  present: true,
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
    let posts = 0;
    const server = createServer((request, response) => {
      if (request.method === "POST") posts += 1;
      request.resume().on("end", () => response.end("ok"));
    });
    await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const use = recoveryTarget.parse({
      name: "t",
      use: {
        ...{ kind: "webhook", version: `${base}/version`, health: { kind: "http", url: `${base}/health` } },
        actions: { drain: { effect: "drains", url: `${base}/act` } },
      },
    }).use as UseOf<"webhook">;
    return {
      ...{ dir, family: webhook({ targets: { t: use } }) },
      async due(kind) {
        posts = 0;
        return { use, target: "t", kind };
      },
      effects: async () => ({ post: posts }),
      async stop() {
        server.closeAllConnections();
        server.close();
        rmSync(dir, { recursive: true });
      },
    };
  },
};
