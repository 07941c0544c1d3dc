import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";
import { checkStore } from "../conformance/store.ts";
import { runAndKill } from "./kill.ts";

let root: string;
let template: string;
let count = 0;

/** Creating a database takes seconds, copying one does not. */
async function directory(): Promise<string> {
  count += 1;
  const dir = join(root, `store-${count}`);
  await cp(template, dir, { recursive: true });
  return dir;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "faultwright-store-"));
  template = join(root, "template");
  await (await openStore(template)).close();
});
afterAll(() => rm(root, { recursive: true, force: true }));

checkStore("memory", () => openStore("memory"));
checkStore("directory", async () => openStore(await directory()));

describe("a store in a directory", () => {
  it("keeps everything over closing and opening, and refuses when closed", async () => {
    const dir = await directory();
    const store = await openStore(dir);
    const state = new Map([["t", new Map([["k", Uint8Array.of(0, 255, 7)]])]]);
    await store.commit({
      positions: new Map([["s", "1"]]),
      state,
      outputs: [{ topic: "incidents", key: "i", value: "{}" }],
    });
    await store.close();
    await expect(store.positions()).rejects.toMatchObject({ code: "STORE_FAILED" });
    const again = await openStore(dir);
    expect([...(await again.state("t")).get("k")!]).toEqual([0, 255, 7]);
    expect(await again.latest("incidents")).toMatchObject([{ key: "i" }]);
    await again.close();
  });

  it("is open in one process at a time; locks of the dead and of reused ids do not count", async () => {
    const dir = await directory();
    const store = await openStore(dir);
    const error = await openStore(dir).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORE_LOCKED", hint: expect.stringContaining("running process") });
    const lock = JSON.parse(await readFile(join(dir, "store.lock"), "utf8"));
    await store.close();
    for (const stale of [{ ...lock, pid: 2 ** 22 + 1 }, { ...lock, start: `${lock.start}0` }, null]) {
      await writeFile(join(dir, "store.lock"), stale === null ? "" : JSON.stringify(stale));
      await (await openStore(dir)).close();
    }
  });

  it("does not grow when the same chunks are written again and again", async () => {
    const store = await openStore(await directory());
    const state = new Map([["t", new Map([["k", new Uint8Array(1 << 20)]])]]);
    for (let i = 0; i < 60; i += 1) {
      await store.commit({ positions: new Map([["s", String(i)]]), state, outputs: [] });
    }
    await store.close();
    const { PGlite } = await import("@electric-sql/pglite");
    const pg = await PGlite.create({ dataDir: join(root, `store-${count}`, "pg") });
    const { rows } = await pg.query<{ size: number }>("SELECT pg_total_relation_size('state_chunks')::int AS size");
    await pg.close();
    expect(rows[0]!.size).toBeLessThan(25 << 20);
  });

  it("survives ten kills: nothing acknowledged is lost, nothing is there by half", { timeout: 300_000 }, async () => {
    const dir = await directory();
    const script = fileURLToPath(new URL("store-child.ts", import.meta.url));
    let acknowledged = 0;
    // On a machine with much else to do many a child is killed before its first commit.
    for (let round = 0; round < 10 || acknowledged <= 10; round += 1) {
      acknowledged = (await runAndKill(script, [dir], Math.random() * 600)) ?? acknowledged;
      const store = await openStore(dir);
      const n = Number((await store.positions()).get("signals") ?? 0);
      expect(n - acknowledged).toBeOneOf([0, 1]);
      const records = await store.records("anomalies");
      expect(records.map(({ key }) => key)).toEqual(
        Array.from({ length: n * 3 }, (_, i) => `${Math.floor(i / 3) + 1}/${i % 3}`),
      );
      for (const chunk of (await store.state("t")).values()) {
        expect(chunk.every((byte) => byte === n % 251)).toBe(true);
      }
      await store.close();
      acknowledged = n;
    }
    expect(acknowledged).toBeGreaterThanOrEqual(10);
  });
});
