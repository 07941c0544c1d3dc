/** An API server of ours that keeps objects and takes patches: where no real one runs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Obj = {
  kind: string;
  metadata: Record<string, unknown>;
  spec: Record<string, unknown>;
  status?: unknown;
  [k: string]: unknown;
};

export const DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/shop";
export const NODE = "/api/v1/nodes/a";

const meta = (name: string, more = {}) => ({
  name,
  namespace: "default",
  uid: `u-${name}`,
  generation: 1,
  resourceVersion: "7",
  ...more,
});
const owner = [{ controller: true, uid: "u-shop" }];
export const template = (image: string) => ({
  metadata: { labels: { app: "shop", "pod-template-hash": image } },
  spec: { containers: [{ name: "c", image }] },
});
const revision = (n: number, verified = false): Obj => ({
  kind: "ReplicaSet",
  metadata: meta(`shop-${n}`, {
    ownerReferences: owner,
    annotations: {
      "deployment.kubernetes.io/revision": String(n),
      ...(verified ? { "faultwright.dev/verified": "true" } : {}),
    },
  }),
  spec: { template: template(`v${n}`) },
});

function startObjects(): Map<string, Obj> {
  const status = { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 };
  const annotations = { "deployment.kubernetes.io/revision": "3" };
  const spec = { replicas: 2, selector: { matchLabels: { app: "shop" } }, template: template("v3") };
  return new Map<string, Obj>([
    [DEPLOYMENT, { kind: "Deployment", metadata: meta("shop", { annotations }), spec, status }],
    [
      NODE,
      {
        kind: "Node",
        metadata: { name: "a", uid: "n", resourceVersion: "7" },
        spec: {},
        status: { conditions: [{ type: "Ready", status: "False" }] },
      },
    ],
  ]);
}

/** Revisions 1 (verified), 2 and 3 (in use) of deployment/shop, and a node that is not ready. Of a patch it keeps the annotations, and a node's specification. */
export async function startFakeServer() {
  const dir = mkdtempSync(join(tmpdir(), "fw-k8s-unit-"));
  const objects = startObjects();
  const patches: { url: string; type: string; body: Obj }[] = [];
  let conflict = false;
  const resources = (list: [string, string, boolean][]) => ({
    kind: "APIResourceList",
    resources: list.map(([name, kind, namespaced]) => ({ name, kind, namespaced })),
  });
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    let text = "";
    for await (const part of request) text += part;
    const say = (code: number, body: unknown) =>
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (url.pathname === "/apis/apps/v1")
      return say(
        200,
        resources([
          ["deployments", "Deployment", true],
          ["replicasets", "ReplicaSet", true],
          ["controllerrevisions", "ControllerRevision", true],
        ]),
      );
    if (url.pathname === "/api/v1") return say(200, resources([["nodes", "Node", false]]));
    if (url.pathname.endsWith("/replicasets"))
      return say(200, { kind: "ReplicaSetList", items: [revision(1, true), revision(2), revision(3)] });
    const found = objects.get(url.pathname);
    if (!found) return say(404, { kind: "Status", message: "not found", code: 404 });
    if (request.method === "PATCH") {
      const body = JSON.parse(text) as Obj;
      patches.push({ url: request.url ?? "", type: String(request.headers["content-type"]), body });
      if (conflict) return say(409, { kind: "Status", message: "the object has been modified", code: 409 });
      if (url.searchParams.get("dryRun") !== null) return say(200, found);
      if (found.kind === "Node") found.spec = { ...found.spec, ...body.spec };
      found.metadata.annotations = { ...(found.metadata.annotations ?? {}), ...(body.metadata.annotations ?? {}) };
    }
    return say(200, found);
  });
  await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfig = join(dir, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "t" },
      contexts: [{ name: "t", context: { cluster: "t", user: "u" } }],
      clusters: [{ name: "t", cluster: { server: at, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: { token: "x" } }],
    }),
  );
  return {
    ...{ dir, kubeconfig, objects, patches },
    /** From now on each patch finds the object changed. */
    refusePatches() {
      conflict = true;
    },
    stop() {
      server.closeAllConnections();
      server.close();
      rmSync(dir, { recursive: true });
    },
  };
}
