import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify from "fastify";
import { expect, it } from "vitest";
import { everyOf } from "../../pipelines/cli/client.ts";
import { manualClock } from "../../pipelines/core/clock.ts";
import { type ApiOptions, apiRoutes } from "../../pipelines/run/api.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

it("every record comes through a running pipeline's door, over more than one page", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-client-"));
  const store = await openStore("memory");
  const app = fastify();
  try {
    const outputs = Array.from({ length: 1003 }, (_, i) => ({
      topic: "incidents" as const,
      key: `i${i}`,
      value: `{"id":"i${i}"}`,
    }));
    await store.commit({ positions: new Map(), state: new Map(), outputs });
    const options: Partial<ApiOptions> = { store, clock: manualClock(), token: "t" };
    apiRoutes(app, options as ApiOptions);
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    writeFileSync(join(dir, "endpoint.json"), JSON.stringify({ url, token: "t", pid: process.pid }));
    const ids = new Set<string>();
    let pages = 0;
    for await (const page of everyOf<{ id: string }>(dir, "incidents")) {
      pages += 1;
      for (const { id } of page) ids.add(id);
    }
    expect([ids.size, pages]).toEqual([1003, 3]);
  } finally {
    await app.close();
    await store.close();
    rmSync(dir, { recursive: true });
  }
});
