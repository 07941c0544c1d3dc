/**
 * What would be sent, everywhere: a server of ours keeps objects, and each patch is checked against the schema that a real API
 * server publishes. Against a real one: test/recover/kubernetes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { describeFor } from "../../../pipelines/recover/actions/descriptions.ts";
import { kubernetes } from "../../../pipelines/recover/actions/kubernetes.ts";
import { testContext } from "../fixtures.ts";
import { DEPLOYMENT, type Obj, startFakeServer, template } from "../kubernetes/fake-server.ts";

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(JSON.parse(readFileSync(join(import.meta.dirname, "../kubernetes/openapi-1.35.4.json"), "utf8")), "k8s");
const schemaOf = (kind: string) => `k8s#/$defs/io.k8s.api.${kind === "Node" ? "core" : "apps"}.v1.${kind}`;

let server: Awaited<ReturnType<typeof startFakeServer>>;
beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(() => server.stop());
const use = (more: object = {}) =>
  recoveryTarget.parse({
    name: "shop",
    use: { kind: "kubernetes", kubeconfig: server.kubeconfig, workload: "deployment/shop", start: 500, ...more },
  }).use as UseOf<"kubernetes">;
const adapter = (kind: string, more: object = {}) => kubernetes({ targets: { shop: use(more) } })[kind]!;

/** The patch without the directive of strategic merges, which no schema has. */
const plain = (body: Obj): Obj =>
  JSON.parse(JSON.stringify(body), (key, value) => (key === "$patch" ? undefined : value));

describe("a patch", () => {
  it.each([
    [
      "restart",
      {},
      {
        spec: { template: { metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": expect.any(String) } } } },
      },
    ],
    [
      "rollback",
      {},
      { spec: { template: { $patch: "replace", metadata: { labels: { app: "shop" } }, spec: template("v1").spec } } },
    ],
    ["rollback", { rollbackTo: "previous" }, { spec: { template: { $patch: "replace", spec: template("v2").spec } } }],
    ["scale", { replicas: { max: 3 } }, { spec: { replicas: 3 } }],
    ["cordon", { workload: "node/a" }, { spec: { unschedulable: true } }],
  ] as const)(
    "of %s %j fits the server's own schema, holds the version and the act, and is rehearsed first",
    async (kind, more, wanted) => {
      const own = adapter(kind, more);
      const state = await own.probe("shop");
      expect(await own.dryRun("shop", state, { onsetMs: null })).toMatchObject({ ok: true });
      const { patches } = server;
      expect(patches).toHaveLength(1);
      expect(patches[0]!.url).toContain("dryRun=All");
      const context = testContext();
      await own.execute("shop", state, context);
      expect(patches).toHaveLength(2);
      const { url, type, body } = patches[1]!;
      expect(url).not.toContain("dryRun");
      expect(type).toBe("application/strategic-merge-patch+json");
      expect(body).toMatchObject(wanted);
      expect(body.metadata).toMatchObject({
        resourceVersion: "7",
        annotations: { "faultwright.dev/act": context.token },
      });
      const validate = ajv.getSchema(schemaOf(body.kind))!;
      expect(validate(plain(body)), JSON.stringify(validate.errors)).toBe(true);
      // The check is one: what is not in the schema does not pass.
      expect(validate({ ...plain(body), spec: { ...body.spec, replica: 3 } })).toBe(false);
      expect(context.steps).toEqual([kind]);
    },
  );
  it("that the server refuses for another version is a refusal, and is not sent again", async () => {
    const own = adapter("restart");
    const state = await own.probe("shop");
    server.refusePatches();
    await expect(own.execute("shop", state, testContext())).rejects.toThrow("ACTION_REFUSED");
    expect(server.patches).toHaveLength(1);
  });
  it("is not made where there is nothing to patch", async () => {
    const gone = adapter("restart", { workload: "deployment/none" });
    expect(await gone.probe("shop")).toMatchObject({ exists: false });
    expect(await gone.dryRun("shop", await gone.probe("shop"), { onsetMs: null })).toMatchObject({ ok: false });
    expect(
      await adapter("scale", { replicas: { max: 2 } }).dryRun("shop", await adapter("scale").probe("shop"), {
        onsetMs: null,
      }),
    ).toMatchObject({ ok: false });
    expect(server.patches).toEqual([]);
  });
  it("after a crash is told by the object itself", async () => {
    const own = adapter("restart");
    const before = await own.probe("shop");
    const context = testContext();
    expect(await own.tidy!("shop", before, context)).toMatchObject({ done: false });
    const { annotations } = server.objects.get(DEPLOYMENT)!.metadata;
    (annotations as Record<string, string>)["faultwright.dev/act"] = context.token;
    expect(await own.tidy!("shop", before, context)).toMatchObject({ done: true });
  });
});

it.each([
  "deployment/Shop",
  "pod/shop",
  "deployment/../nodes/a",
  "deployment/shop?x",
  "node/a b",
  "shop",
  "deployment/",
])("refuses the workload %j", (workload) => expect(() => use({ workload })).toThrow());
it("has for a node what fits a node, and scales only where the config allows it", () => {
  const has = (more: object) =>
    ["restart", "rollback", "scale", "cordon"].filter((k) => describeFor(k, "shop", use(more)));
  expect(has({ workload: "node/a" })).toEqual(["cordon"]);
  expect(has({})).toEqual(["restart", "rollback"]);
  expect(has({ replicas: { max: 3 } })).toEqual(["restart", "rollback", "scale"]);
  expect(has({ workload: "daemonset/x", replicas: { max: 3 } })).toEqual(["restart", "rollback"]);
});
