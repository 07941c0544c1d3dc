import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, describe, expect, it, vi } from "vitest";
import { recoverCommand } from "../../pipelines/cli/recover.ts";
import { KILL_SWITCH } from "../../pipelines/run/job.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-recover-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe("faultwright recover", () => {
  it("halts and resumes through a file that needs no running pipeline, twice in a row too", async () => {
    const say = (...args: string[]) => recoverCommand().parseAsync([...args, "--data-dir", dir], { from: "user" });
    for (const [word, on] of [
      ["halt", true],
      ["halt", true],
      ["resume", false],
      ["resume", false],
    ] as const) {
      await say(word);
      expect(existsSync(join(dir, KILL_SWITCH))).toBe(on);
    }
  });
});

describe("faultwright recover audit", () => {
  const data = mkdtempSync(join(tmpdir(), "faultwright-audit-"));
  afterAll(() => rmSync(data, { recursive: true }));
  const ask = async (...more: string[]) => {
    const chunks: string[] = [];
    const write = vi.spyOn(process.stdout, "write").mockImplementation((c) => chunks.push(String(c)) > 0);
    process.exitCode = undefined;
    await recoverCommand().parseAsync(["audit", ...more, "--data-dir", data], { from: "user" });
    write.mockRestore();
    const code = process.exitCode ?? 0;
    process.exitCode = undefined;
    return { code, text: chunks.join("") };
  };
  it("prints it, verifies its chain, and finds an entry that was changed or cut off", async () => {
    const path = join(data, "store");
    const store = await openStore(path);
    for (const event of ["probed", "intent", "result"])
      await store.audit({ planId: "PLAN-1", timeMs: 5, event, detail: "{}" });
    const head = (await store.auditTrail()).at(-1)!.hash;
    await store.close();
    expect((await ask()).text.split("\n").filter(Boolean)).toHaveLength(3);
    expect(await ask("--verify")).toMatchObject({ code: 0, text: expect.stringContaining("3 entries, unbroken") });
    expect(await ask("--head", head, "--json")).toMatchObject({ code: 0 });
    expect(await ask("--head", "0".repeat(64))).toMatchObject({
      code: 1,
      text: expect.stringContaining("not in the chain"),
    });
    const db = new PGlite(join(path, "pg"));
    await db.query("UPDATE audit SET detail = '{\"ok\":true}' WHERE event = 'intent'");
    await db.close();
    expect(await ask("--verify")).toMatchObject({ code: 1, text: expect.stringContaining("broken at entry 2 of 3") });
    expect(JSON.parse((await ask("--verify", "--json")).text)).toMatchObject({ ok: false, brokenSeq: 2 });
  }, 60_000);
});
