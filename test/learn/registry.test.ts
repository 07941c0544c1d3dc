import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pack, unpack } from "../../pipelines/core/pack.ts";
import { parseReference } from "../../pipelines/learn/registry/reference.ts";
import { modelRegistry } from "../../pipelines/learn/registry/registry.ts";
import type { Draft } from "../../pipelines/learn/registry/version-files.ts";

const draft = (name: string): Draft => ({
  name,
  seed: 1,
  data: { axis: "time", from: 0, to: 1, rows: 2, incidents: 0, digest: "d" },
  chosen: { id: "statistics", parameters: {}, why: "" },
  metrics: {},
  validation: { method: "", measure: "VUS-PR", folds: 0, supervised: false, complete: true },
  trials: [],
  entities: [],
});
const state = { web: { kind: "x", values: [Number.NaN, -0, 1e300, 0.1, 5, 6, 7, 8, 9] } };
let dir = "";
let made = 0;
const fresh = () => modelRegistry(join(dir, String(made++)), () => 1000 + made);
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-registry-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("packed states", () => {
  it("come back to the bit", () => {
    const leaf = fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constant(null), fc.array(fc.double()));
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((k) => k !== "$f64" && k !== "__proto__"),
          fc.array(leaf),
        ),
        (value) => {
          const plain = JSON.stringify(value).includes("null");
          const back = unpack(pack({ value })) as { value: unknown };
          if (!plain) expect(JSON.stringify(back.value)).toBe(JSON.stringify(value));
        },
      ),
    );
    expect(unpack(pack(state))).toEqual(state);
    expect(Object.is((unpack(pack(state)) as typeof state).web.values[1], -0)).toBe(true);
  });
  it("refuse a reference beyond the block", () => {
    expect(() => unpack({ json: '{"$f64":[0,9]}', bytes: Buffer.alloc(8) })).toThrow(RangeError);
  });
});

describe("references", () => {
  it.each([
    ["cpu", { name: "cpu", version: undefined }],
    ["cpu@3", { name: "cpu", version: 3 }],
    ["cpu:live", { name: "cpu", version: "live" }],
    ["cpu:candidate", { name: "cpu", version: "latest" }],
    ["../x", undefined],
    ["a..b", undefined],
    ["cpu@", undefined],
    ["", undefined],
  ])("%s", (text, expected) => expect(parseReference(text)).toEqual(expected));
});

describe("registry", () => {
  it("numbers versions, promotes, and rolls back twice", async () => {
    const r = fresh();
    for (const _ of [1, 2, 3]) await r.add("m", draft("m"), state);
    expect((await r.open("m")).version).toBe(3);
    await r.promote("m@1", "live");
    await r.promote("m@2", "live");
    await r.promote("m@3", "shadow");
    expect(await r.stages("m")).toEqual({ live: 2, shadow: 3 });
    await r.promote("m:shadow", "live");
    expect(await r.stages("m")).toEqual({ live: 3, shadow: null });
    expect((await r.rollback("m")).live).toBe(2);
    expect((await r.rollback("m")).live).toBe(1);
    await expect(r.rollback("m")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect((await r.open("m")).version).toBe(1);
    expect((await r.history("m")).length).toBe(6);
  });

  it.each(["manifest.json", "state.json", "state.bin"])("refuses a version whose %s was changed", async (file) => {
    const r = fresh();
    await r.add("m", draft("m"), state);
    const { dir: at } = await r.open("m");
    const path = join(at, file);
    chmodSync(path, 0o644);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    await expect((async () => (await r.open("m")).state())()).rejects.toMatchObject({ code: "MODEL_CORRUPT" });
    await expect(r.promote("m@1", "live")).rejects.toMatchObject({ code: "MODEL_CORRUPT" });
    expect((await r.list()).length).toBe(1);
  });

  it.each(["none", "m@7", "m:live", "a/b"])("says that %s is not there", async (reference) => {
    const r = fresh();
    await r.add("m", draft("m"), state);
    await expect(r.open(reference)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("gives every one of several processes its own version and loses no change", async () => {
    const root = join(dir, "shared");
    const script = join(dir, "writer.mts");
    const at = join(import.meta.dirname, "../../pipelines/learn/registry/registry.ts");
    writeFileSync(
      script,
      `import { modelRegistry } from ${JSON.stringify(at)};
const r = modelRegistry(${JSON.stringify(root)}, () => 1);
for (let i = 0; i < 5; i++) {
  const { version } = await r.add("m", ${JSON.stringify(draft("m"))}, { a: [1] });
  await r.promote("m@" + version, "live");
}`,
    );
    const codes = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve) => {
            const child = spawn(process.execPath, ["--import", "tsx", script], {
              cwd: join(import.meta.dirname, "../.."),
              stdio: "inherit",
            });
            child.once("exit", resolve);
          }),
      ),
    );
    expect(codes).toEqual([0, 0, 0]);
    const r = modelRegistry(root, () => 1);
    expect((await r.list()).map((v) => v.version)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect((await r.history("m")).length).toBe(15);
    expect(readdirSync(join(root, "m/v")).filter((n) => n.startsWith("."))).toEqual([]);
  }, 60_000);
});
