import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { child, childManager } from "../../../pipelines/recover/actions/child.ts";
import { type Act, carryOut } from "../crash.ts";
import { testContext } from "../fixtures.ts";

const never = new AbortController().signal;
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
const SERVER = (port: number, onTerm: string) =>
  `process.on("SIGTERM",()=>{${onTerm}});require("http").createServer((q,s)=>s.end("ok")).listen(${port},"127.0.0.1")`;

let dir: string;
let use: UseOf<"child">;
async function setup(onTerm = "process.exit(0)") {
  const port = await freePort();
  use = recoveryTarget.parse({
    name: "shop",
    use: {
      ...{ kind: "child", command: [process.execPath, "-e", SERVER(port, onTerm)], term: 300, start: 8000 },
      health: { kind: "http", url: `http://127.0.0.1:${port}/`, timeout: 300 },
    },
  }).use as UseOf<"child">;
  const manager = childManager({ shop: use });
  await manager.start("shop", never);
  const { restart, stop } = child({ targets: { shop: use } });
  for (let i = 0; i < 100 && !(await restart!.probe("shop")).healthy; i++)
    await new Promise((go) => setTimeout(go, 50));
  return { restart: restart!, stop: stop!, manager };
}
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fw-child-"));
});
afterEach(async () => {
  await childManager({ shop: { ...use, term: 1 } }).stop("shop", never);
  rmSync(dir, { recursive: true });
});
const act = (kind: string): Act => ({
  ...{ use, target: "shop", kind, createdMs: Date.now() },
  trail: join(dir, "audit.jsonl"),
});

describe("a real child process", () => {
  it("is restarted: another process, healthy; a second one is never started beside it", async () => {
    const { restart, manager } = await setup();
    const before = await restart.probe("shop");
    expect(before.healthy).toBe(true);
    await expect(manager.start("shop", never)).rejects.toThrow("runs already");
    const { result } = await carryOut(act("restart"));
    expect(result).toMatchObject({ ok: true });
    const after = await restart.probe("shop");
    expect(after).toMatchObject({ healthy: true });
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  it("that is stopped by SIGSTOP looks alive to its manager, and its probe finds it; KILL follows the unheard TERM", async () => {
    const { restart, manager } = await setup();
    const { pid } = await manager.view("shop");
    process.kill(pid!, "SIGSTOP");
    const before = await restart.probe("shop");
    expect((await manager.view("shop")).pid).toBe(pid);
    expect(before).toMatchObject({ exists: true, healthy: false });
    expect(await restart.execute("shop", before, testContext())).toMatchObject({
      ok: true,
      detail: expect.stringContaining("killed after 300 ms"),
    });
    expect(await restart.verify("shop")).toMatchObject({ ok: true });
  });

  it("that does not go on TERM is killed", async () => {
    const { restart } = await setup("");
    const seen = await restart.execute("shop", await restart.probe("shop"), testContext());
    expect(seen).toMatchObject({ ok: true, detail: expect.stringContaining("killed") });
  });

  it("is stopped, and started again by undo", async () => {
    const { stop, restart } = await setup();
    const before = await stop.probe("shop");
    expect(await stop.execute("shop", before, testContext())).toMatchObject({ ok: true });
    expect(await stop.verify("shop")).toMatchObject({ ok: true });
    expect(stop.happened?.(before, await stop.probe("shop"), 0)).toBe(true);
    expect(await stop.undo("shop", before, testContext())).toMatchObject({ ok: true });
    expect(await restart.verify("shop")).toMatchObject({ ok: true });
  });

  it.each(["other", "shop; reboot", "$(reboot)", "../shop", "__proto__", ""])("never touches %j", async (name) => {
    const { restart } = await setup();
    const state = await restart.probe("shop");
    await expect(restart.probe(name)).rejects.toThrow("ACTION_REFUSED");
    expect(() => restart.plan(name)).toThrow("ACTION_REFUSED");
    await expect(restart.execute(name, state, testContext())).rejects.toThrow("ACTION_REFUSED");
  });
});
