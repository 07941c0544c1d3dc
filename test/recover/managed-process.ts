/** What holds for a process under any manager: one suite, run against each real one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { TargetUse } from "../../pipelines/core/recover-config.ts";
import { adaptersFor } from "../../pipelines/recover/actions/index.ts";
import { type Act, carryOut } from "./crash.ts";
import { testContext } from "./fixtures.ts";

/** A program that answers over HTTP at `port` on this host, and adds a line to the file `starts` when it starts. */
export const programOf = (port: number, starts: string): string[] => [
  process.execPath,
  "-e",
  `require("fs").appendFileSync(${JSON.stringify(starts)},"x\\n");require("http").createServer((q,s)=>s.end("ok")).listen(${port},"127.0.0.1")`,
];

export interface Managed {
  readonly use: TargetUse;
  /** To the process itself, behind its manager's back. */
  signal(name: "SIGSTOP" | "SIGKILL"): Promise<void>;
  /** File with a line for each start. */
  readonly starts: string;
  stop(): Promise<void>;
}

export function checkManagedProcess(start: () => Promise<Managed>): void {
  let managed: Managed;
  let dir: string;
  let acts = 0;
  const adapter = (kind: string) => adaptersFor([{ name: "shop", use: managed.use }])(kind, "shop")!;
  const probe = () => adapter("restart").probe("shop");
  const act = (kind: string): Act => ({
    ...{ use: managed.use, target: "shop", kind, createdMs: Date.now() },
    trail: join(dir, `audit-${acts++}.jsonl`),
  });
  const healthy = async () => {
    for (let i = 0; i < 150 && !(await probe()).healthy; i++) await new Promise((go) => setTimeout(go, 100));
    expect(await probe()).toMatchObject({ exists: true, healthy: true });
  };
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "fw-managed-"));
    managed = await start();
  }, 60_000);
  afterAll(async () => {
    await managed?.stop();
    rmSync(dir, { recursive: true });
  });
  beforeEach(async () => {
    const { result } = (await probe()).healthy ? { result: undefined } : await carryOut(act("restart"));
    if (result !== undefined) expect(result).toMatchObject({ ok: true });
    await healthy();
  }, 30_000);

  it("is restarted: another process, healthy", async () => {
    const before = await probe();
    const { result } = await carryOut(act("restart"));
    expect(result).toMatchObject({ ok: true });
    const after = await probe();
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(after.healthy).toBe(true);
  });
  it("that is stopped by SIGSTOP runs for its manager; its probe finds it, and KILL follows the unheard TERM", async () => {
    await managed.signal("SIGSTOP");
    expect(await probe()).toMatchObject({ exists: true, healthy: false, startedAtMs: expect.any(Number) });
    const { result } = await carryOut(act("restart"));
    expect(result).toMatchObject({ ok: true });
  }, 60_000);
  it("is stopped, and started again by undo", async () => {
    const before = await probe();
    const { result } = await carryOut(act("stop"));
    expect(result).toMatchObject({ ok: true });
    expect(await probe()).toMatchObject({ healthy: false, startedAtMs: null });
    expect(await adapter("stop").undo("shop", before, testContext())).toMatchObject({ ok: true });
    await healthy();
  });
  it("another name is never touched", async () => {
    await expect(adapter("restart").probe("shop; reboot")).rejects.toThrow("ACTION_REFUSED");
    await expect(adapter("restart").execute("--all", await probe(), testContext())).rejects.toThrow("ACTION_REFUSED");
  });
}
