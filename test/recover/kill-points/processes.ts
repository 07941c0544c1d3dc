/** Processes under a manager: one of them runs in the end, and none was started twice. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { TargetUse } from "../../../pipelines/core/recover-config.ts";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import type { ActionFamily } from "../../../pipelines/recover/actions/action.ts";
import { child, childManager } from "../../../pipelines/recover/actions/child.ts";
import { supervisord } from "../../../pipelines/recover/actions/supervisord.ts";
import { systemd } from "../../../pipelines/recover/actions/systemd.ts";
import { testContext } from "../fixtures.ts";
import { programOf } from "../managed-process.ts";
import { hasSupervisord, startSupervisord } from "../supervisord.ts";
import { hasSystemd, startSystemd } from "../systemd.ts";
import { type KillSite, type Placed, until } from "./site.ts";

interface Running {
  readonly use: TargetUse;
  readonly family: ActionFamily;
  readonly starts: string;
  stop(): Promise<void>;
}

async function placed({ use, family, starts, stop }: Running): Promise<Placed> {
  const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
  const probe = () => family.restart!.probe("shop");
  const count = () => readFileSync(starts, "utf8").split("\n").length - 1;
  const runs = async () => (await probe()).startedAtMs !== null;
  appendFileSync(starts, "");
  let [before, identity] = [0, ""];
  return {
    ...{ dir, family },
    async due(kind) {
      if (!(await runs())) await family.restart!.execute("shop", await probe(), testContext());
      await until(async () => (await probe()).healthy);
      [before, identity] = [count(), (await probe()).fingerprint];
      return { use, target: "shop", kind };
    },
    async effects(kind): Promise<Record<string, number>> {
      // The line comes with the program, which takes a moment to begin.
      if (await runs()) await until(async () => (await probe()).healthy);
      const same = (await probe()).fingerprint === identity;
      return kind === "stop" ? { stop: same ? 0 : 1, start: count() - before } : { start: count() - before };
    },
    async settled(kind, done) {
      if (kind === "restart" || done) expect(await runs()).toBe(kind === "restart");
      // Told as done only where it is another process.
      if (done) expect((await probe()).fingerprint).not.toBe(identity);
    },
    async stop() {
      await stop();
      rmSync(dir, { recursive: true });
    },
  };
}

export const systemdSite: KillSite = {
  present: hasSystemd,
  async start() {
    const managed = await startSystemd();
    return placed({ ...managed, family: systemd({ targets: { shop: managed.use as UseOf<"systemd"> } }) });
  },
};

export const supervisordSite: KillSite = {
  present: hasSupervisord,
  async start() {
    const managed = await startSupervisord();
    return placed({ ...managed, family: supervisord({ targets: { shop: managed.target } }) });
  },
};

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export const childSite: KillSite = {
  present: process.platform === "linux",
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-child-"));
    const starts = join(dir, "starts");
    const port = await freePort();
    const health = { kind: "http", url: `http://127.0.0.1:${port}/`, timeout: 2000 };
    const use = recoveryTarget.parse({
      name: "shop",
      use: { kind: "child", command: programOf(port, starts), term: 1000, start: "10s", health },
    }).use as UseOf<"child">;
    const manager = childManager({ shop: use });
    const never = new AbortController().signal;
    await manager.start("shop", never);
    return placed({
      ...{ use, starts, family: child({ targets: { shop: use } }) },
      async stop() {
        await manager.stop("shop", never);
        rmSync(dir, { recursive: true });
      },
    });
  },
};
