import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { receiver } from "./fixture.ts";

/** Creating a database takes seconds: once for all. */
const root = await mkdtemp(join(tmpdir(), "faultwright-outbox-"));
await (await openStore(join(root, "empty"))).close();
afterAll(() => rm(root, { recursive: true }));

const run = (...args: string[]) =>
  new Promise<{ signal: string | null; out: string }>((resolve) => {
    const script = join(import.meta.dirname, "child.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (d) => {
      out += d;
    });
    child.once("close", (_, signal) => resolve({ signal, out }));
  });

it.each(["after-commit", "after-sending-mark", "after-send"])(
  "a process killed with SIGKILL %s: the next one sees to it that each receiver has the page once",
  { timeout: 120_000 },
  async (dieAt) => {
    const pager = await receiver();
    try {
      const [dir, file] = [join(root, dieAt), join(root, `${dieAt}.jsonl`)];
      await cp(join(root, "empty"), dir, { recursive: true });
      expect((await run(dir, pager.url, file, dieAt)).signal).toBe("SIGKILL");
      const second = await run(dir, pager.url, file, "never");
      expect(second.signal).toBeNull();
      expect(new Set(pager.asked.map((a) => a.headers["idempotency-key"]))).toEqual(new Set(["faultwright/shop/i1/1"]));
      // A second POST only where the first came before the crash and could not be noted.
      expect(pager.asked.length).toBeLessThanOrEqual(2);
      if (dieAt === "after-commit") expect(pager.asked).toHaveLength(1);
      if (pager.asked.length === 2) expect(JSON.parse(pager.asked[1]!.body).key).toBe("faultwright/shop/i1/1");
      expect((await readFile(file, "utf8")).trim().split("\n")).toHaveLength(1);
      const store = await openStore(dir);
      const marks = (await store.latest("deliveries")).map((r) => JSON.parse(r.value));
      await store.close();
      expect(marks.map((m) => [m.receiver, m.state]).sort()).toEqual([
        ["file", "sent"],
        ["webhook", "sent"],
      ]);
    } finally {
      await pager.close();
    }
  },
);
