/** What a workload ran before: ReplicaSets of a Deployment, ControllerRevisions of the others. */
import type { Cluster, Live } from "./cluster.ts";

/** Somebody said that this revision was good (`faultwright recover snapshot`). */
export const VERIFIED = "faultwright.dev/verified";
const REVISION = "deployment.kubernetes.io/revision";

export interface Revision {
  /** Stays the same when the workload comes back to it. */
  readonly name: string;
  readonly number: number;
  readonly verified: boolean;
  readonly current: boolean;
  /** What to put into the patch to get there. */
  readonly spec: object;
  readonly object: Live;
}

/** Newest first. */
export async function revisionsOf(cluster: Cluster, workload: Live): Promise<Revision[]> {
  const labels = Object.entries((workload.spec?.selector?.matchLabels ?? {}) as Record<string, string>);
  const selector = labels.map(([k, v]) => `${k}=${v}`).join(",");
  const deployment = workload.kind === "Deployment";
  const all = await cluster.list("apps/v1", deployment ? "ReplicaSet" : "ControllerRevision", selector);
  const owned = all.filter((o) =>
    o.metadata?.ownerReferences?.some((r) => r.controller && r.uid === workload.metadata?.uid),
  );
  const out = owned.flatMap((o): Revision[] => {
    const name = o.metadata?.name;
    const number = Number(deployment ? o.metadata?.annotations?.[REVISION] : o.revision);
    const spec = deployment ? templateOf(o) : o.data?.spec;
    if (name === undefined || !Number.isFinite(number) || spec === undefined || spec === null) return [];
    const verified = o.metadata?.annotations?.[VERIFIED] === "true";
    const current = deployment
      ? o.metadata?.annotations?.[REVISION] === workload.metadata?.annotations?.[REVISION]
      : name === workload.status?.updateRevision || undefined === workload.status?.updateRevision;
    return [{ name, number, verified, current, spec, object: o }];
  });
  out.sort((a, b) => b.number - a.number);
  // A DaemonSet does not say which is in use: the newest is.
  if (workload.kind === "DaemonSet") return out.map((r, i) => ({ ...r, current: i === 0 }));
  return out;
}

/** The pod template as the user wrote it: without the label that the controller adds. */
function templateOf(replicaSet: Live): object | undefined {
  const template = replicaSet.spec?.template;
  if (template === undefined || template === null) return undefined;
  const { "pod-template-hash": _, ...labels } = template.metadata?.labels ?? {};
  return { template: { $patch: "replace", ...template, metadata: { ...template.metadata, labels } } };
}
