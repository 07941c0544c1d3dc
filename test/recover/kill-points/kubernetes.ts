/** Each act is one patch, and the object says which act it had last. Against a real API server: test/recover/kubernetes. */
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { kubernetes } from "../../../pipelines/recover/actions/kubernetes.ts";
import { DEPLOYMENT, NODE, startFakeServer } from "../kubernetes/fake-server.ts";
import type { KillSite } from "./site.ts";

export const kubernetesSite: KillSite = {
  present: true,
  async start() {
    const server = await startFakeServer();
    const useOf = (workload: string) =>
      recoveryTarget.parse({
        name: "t",
        use: { kind: "kubernetes", kubeconfig: server.kubeconfig, workload, start: 2000, replicas: { max: 3 } },
      }).use as UseOf<"kubernetes">;
    const [shop, node] = [useOf("deployment/shop"), useOf("node/a")];
    return {
      ...{ dir: server.dir, family: kubernetes({ targets: { t: shop } }) },
      async due(kind) {
        server.patches.length = 0;
        for (const path of [DEPLOYMENT, NODE]) {
          const { annotations } = server.objects.get(path)!.metadata as { annotations?: Record<string, string> };
          if (annotations) delete annotations["faultwright.dev/act"];
        }
        server.objects.get(NODE)!.spec = {};
        return { use: kind === "cordon" ? node : shop, target: "t", kind };
      },
      effects: async (kind) => ({ [kind]: server.patches.filter((p) => !p.url.includes("dryRun")).length }),
      stop: async () => server.stop(),
    };
  },
};
