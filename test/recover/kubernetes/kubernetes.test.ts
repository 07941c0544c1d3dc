import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { kubernetes, verifyRevision } from "../../../pipelines/recover/actions/kubernetes.ts";
import { type Act, afterwards, carryOut, dieAt } from "../crash.ts";
import { testContext } from "../fixtures.ts";
import { describeReal } from "../real.ts";
import { hasKubernetes, startKubernetes } from "./server.ts";

/** A CI step of its own, for building takes a quarter of an hour: with FAULTWRIGHT_KUBERNETES=1 a missing server is a failure. */
const suite =
  process.env.FAULTWRIGHT_KUBERNETES === "1"
    ? describeReal
    : (name: string, _present: boolean, body: () => void) => void describe.skip(name, body);

suite("a real API server", hasKubernetes, () => {
  let cluster: Awaited<ReturnType<typeof startKubernetes>>;
  const use = (more: object = {}) =>
    recoveryTarget.parse({
      name: "shop",
      use: { kind: "kubernetes", kubeconfig: cluster.kubeconfig, workload: "deployment/shop", start: "60s", ...more },
    }).use as UseOf<"kubernetes">;
  const adapter = (kind: string, more: object = {}) => kubernetes({ targets: { shop: use(more) } })[kind]!;
  let acts = 0;
  const act = (kind: string, more: object = {}): Act => ({
    ...{ use: use(more), target: "shop", kind, createdMs: Date.now() },
    trail: join(cluster.dir, `audit-${acts++}.jsonl`),
  });
  const template = (image: string) => ({
    metadata: { labels: { app: "shop" } },
    spec: {
      nodeName: "node-a",
      containers: [{ name: "shop", image, ...(image === "shop:bad" ? { env: [{ name: "MODE", value: "bad" }] } : {}) }],
    },
  });
  const read = (name = "shop") => cluster.apps.readNamespacedDeployment({ name, namespace: "default" });
  const image = async () => (await read()).spec?.template.spec?.containers[0]?.image;
  const settled = async (more: object = {}) => {
    for (let i = 0; i < 300; i++, await new Promise((go) => setTimeout(go, 100)))
      if ((await adapter("restart", more).probe("shop")).healthy) return;
    throw new Error(`not healthy: ${(await adapter("restart", more).probe("shop")).detail}; ${cluster.log()}`);
  };
  const release = async (to: string) => {
    const live = await read();
    live.spec!.template = template(to) as never;
    await cluster.apps.replaceNamespacedDeployment({ name: "shop", namespace: "default", body: live });
    await settled();
  };
  beforeAll(async () => {
    cluster = await startKubernetes();
    const spec = { replicas: 2, selector: { matchLabels: { app: "shop" } }, template: template("shop:1") };
    const body = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "shop" }, spec };
    await cluster.apps.createNamespacedDeployment({ namespace: "default", body });
    await settled();
  }, 180_000);
  afterAll(() => cluster?.stop());

  it("a rollout restart replaces the pods, after the server's own dry run", async () => {
    const before = (await read()).metadata!;
    const rehearsed = await adapter("restart").dryRun("shop", await adapter("restart").probe("shop"), {
      onsetMs: null,
    });
    expect(rehearsed).toMatchObject({ ok: true, detail: expect.stringContaining("the server would take it") });
    expect((await read()).metadata!.resourceVersion).toBe(before.resourceVersion);
    const { result } = await carryOut(act("restart"));
    expect(result).toMatchObject({ ok: true });
    const after = (await read()).metadata!;
    expect(after.generation).toBeGreaterThan(before.generation!);
    expect((await read()).spec?.template.metadata?.annotations).toHaveProperty("kubectl.kubernetes.io/restartedAt");
  }, 120_000);
  it("a rollback goes to the last verified revision, not merely the one before, and undo comes back", async () => {
    await release("shop:good");
    expect(await verifyRevision(use())).toMatch(/^shop-/);
    await release("shop:meh");
    await release("shop:bad");
    const none = await adapter("rollback", { workload: "deployment/none" }).dryRun(
      "shop",
      await adapter("rollback", { workload: "deployment/none" }).probe("shop"),
      { onsetMs: null },
    );
    expect(none).toMatchObject({ ok: false });
    const before = await adapter("rollback").probe("shop");
    const { result } = await carryOut(act("rollback"));
    expect(result).toMatchObject({ ok: true });
    expect(await image()).toBe("shop:good");
    // All of the template comes back, what the bad release had added goes.
    expect((await read()).spec?.template.spec?.containers[0]?.env ?? []).toEqual([]);
    expect(await adapter("rollback").undo("shop", before, testContext())).toMatchObject({ ok: true });
    expect(await image()).toBe("shop:bad");
    expect((await carryOut(act("rollback", { rollbackTo: "previous" }))).result).toMatchObject({ ok: true });
  }, 120_000);
  it("scales up to what the config allows, and back", async () => {
    const more = { replicas: { max: 3 } };
    const before = await adapter("scale", more).probe("shop");
    expect((await carryOut(act("scale", more))).result).toMatchObject({ ok: true });
    expect((await read()).spec?.replicas).toBe(3);
    const full = await adapter("scale", more).dryRun("shop", await adapter("scale", more).probe("shop"), {
      onsetMs: null,
    });
    expect(full).toMatchObject({ ok: false, detail: expect.stringContaining("as many as the config allows") });
    expect(await adapter("scale", more).undo("shop", before, testContext())).toMatchObject({ ok: true });
    expect((await read()).spec?.replicas).toBe(2);
  }, 120_000);
  it("a node is cordoned and uncordoned", async () => {
    const more = { workload: "node/node-a" };
    const before = await adapter("cordon", more).probe("shop");
    expect((await adapter("cordon", more).execute("shop", before, testContext())).ok).toBe(true);
    expect((await cluster.core.readNode({ name: "node-a" })).spec?.unschedulable).toBe(true);
    expect(await adapter("cordon", more).dryRun("shop", before, { onsetMs: null })).toMatchObject({ ok: false });
    await adapter("cordon", more).undo("shop", before, testContext());
    expect((await cluster.core.readNode({ name: "node-a" })).spec?.unschedulable ?? false).toBe(false);
  });
  it("the server refuses a patch for a version that is no longer there", async () => {
    const { clusterOf } = await import("../../../pipelines/recover/actions/kubernetes/cluster.ts");
    const stale = (await read()).metadata!.resourceVersion!;
    await release("shop:newer");
    const body = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "shop", namespace: "default", resourceVersion: stale },
      spec: { replicas: 9 },
    };
    await expect((await clusterOf(use())).patch(body, false)).rejects.toThrow("ACTION_REFUSED");
    expect((await read()).spec?.replicas).toBe(2);
  }, 120_000);
  it.each(["intent", "restart", "before-result", "result"])(
    "kill -9 of the actor at %s: at most one rollout",
    async (step) => {
      const before = (await read()).metadata!.generation!;
      const plan = act("restart");
      expect(await dieAt({ ...plan, dieAt: step })).toBe("SIGKILL");
      const { result } = await afterwards(plan);
      const after = (await read()).metadata!.generation!;
      expect(after - before).toBe(step.endsWith("result") ? 1 : 0);
      expect(result?.ok).toBe(step.endsWith("result"));
    },
    120_000,
  );
});
