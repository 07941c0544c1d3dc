import { PipelineError } from "../../core/errors.ts";
import { type ActionAdapter, type ActionContext, type ActionFamily, cannotUndo, type TargetState } from "./action.ts";
import { waitHealthy } from "./common/health-check.ts";
import { targetOf } from "./common/target-of.ts";
import { describeFor } from "./descriptions.ts";
import { type Cluster, clusterOf, type KubernetesTarget, type Live } from "./kubernetes/cluster.ts";
import { revisionsOf, VERIFIED } from "./kubernetes/revisions.ts";

interface Patch {
  readonly metadata?: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: object;
}

const KINDS = {
  deployment: ["apps/v1", "Deployment"],
  statefulset: ["apps/v1", "StatefulSet"],
  daemonset: ["apps/v1", "DaemonSet"],
  node: ["v1", "Node"],
} as const;
/** Which act changed the object last: tells the next actor after a crash whether the patch arrived. */
const ACT = "faultwright.dev/act";
const BEFORE = "faultwright.dev/replicas-before";
const RESTARTED = "kubectl.kubernetes.io/restartedAt";

/**
 * Workloads and nodes of a Kubernetes cluster: rollout restart, rollback to a verified revision, scale, cordon. Each act is
 * one patch, so it is made whole or not at all; it holds the resource version that was looked at, and its dry run is the
 * server's own, with its admission.
 */
export function kubernetes({
  targets,
}: {
  readonly targets: Readonly<Record<string, KubernetesTarget>>;
}): ActionFamily {
  const of = (name: string) => targetOf(targets, name);
  /** What to patch, or why not. */
  type Change = (cluster: Cluster, t: KubernetesTarget, live: Live) => Promise<Patch | string>;
  const adapter = (
    kind: string,
    change: Change,
    undo?: (t: KubernetesTarget, before: TargetState) => Change,
  ): ActionAdapter => {
    const patchOf = async (name: string, token: string, how: Change, dryRun: boolean) => {
      const t = of(name);
      const cluster = await clusterOf(t);
      const live = await readLive(t);
      if (live === undefined) return `there is no ${t.workload}`;
      const body = await how(cluster, t, live);
      if (typeof body === "string") return body;
      return cluster.patch(withGuard(live, body, token), dryRun);
    };
    const apply = async (name: string, context: ActionContext, how: Change, says: string) => {
      const done = await patchOf(name, context.token, how, false);
      if (typeof done === "string") return { ok: false, detail: done };
      const seen = await rolledOut(of(name), context.signal);
      return { ok: seen.healthy, detail: `${says}: ${seen.detail}` };
    };
    return {
      kind,
      executeTimeoutMs: 600_000,
      probe: async (name) => probe(of(name)),
      plan: (name) => describeFor(kind, name, of(name))!,
      async dryRun(name, state) {
        if (!state.exists) return { ok: false, detail: `there is no ${of(name).workload}` };
        const tried = await patchOf(name, "dry-run", change, true);
        if (typeof tried === "string") return { ok: false, detail: tried };
        return { ok: true, detail: `the server would take it; now ${state.detail}` };
      },
      async execute(name, state, context) {
        await context.guard();
        await context.step(kind, state.detail);
        return apply(name, context, change, kind);
      },
      async verify(name) {
        const t = of(name);
        const state = await probe(t);
        // A node that is cordoned is as ill as before: it only gets no new work.
        const live = isNode(t) ? await readLive(t) : undefined;
        return { ok: live ? live.spec?.unschedulable === true : state.healthy, detail: state.detail };
      },
      undo: undo ? (name, before, context) => apply(name, context, undo(of(name), before), "taken back") : cannotUndo,
      happened: () => false,
      // The object itself says which act it had last.
      async tidy(name, _before, { token, signal }) {
        const live = await readLive(of(name));
        if (live?.metadata?.annotations?.[ACT] !== token) return { ok: true, done: false, detail: "it was never sent" };
        const seen = await rolledOut(of(name), signal);
        return { ok: seen.healthy, done: seen.healthy, detail: `it had arrived: ${seen.detail}` };
      },
    };
  };
  return {
    restart: adapter("restart", async () => ({
      spec: { template: { metadata: { annotations: { [RESTARTED]: new Date().toISOString() } } } },
    })),
    rollback: adapter(
      "rollback",
      async (cluster, t, live) => {
        const revisions = await revisionsOf(cluster, live);
        const at = revisions.findIndex((r) => r.current);
        const older = revisions.slice(at + 1).filter((r) => t.rollbackTo === "previous" || r.verified);
        const to = at < 0 ? undefined : older[0];
        return to ? { spec: to.spec } : `no earlier ${t.rollbackTo === "previous" ? "" : "verified "}revision`;
      },
      (_t, before) => async (cluster, _own, live) => {
        const back = (await revisionsOf(cluster, live)).find((r) => r.name === before.release);
        return back ? { spec: back.spec } : `the revision ${before.release} is gone`;
      },
    ),
    scale: adapter(
      "scale",
      async (_cluster, t, live) => {
        const now = Number(live.spec?.replicas ?? 1);
        const most = t.replicas?.max ?? now;
        if (now >= most) return `${now} replicas are as many as the config allows`;
        const annotations = { [BEFORE]: String(now) };
        return { metadata: { annotations }, spec: { replicas: Math.min(most, now + (t.replicas?.step ?? 1)) } };
      },
      () => async (_cluster, _t, live) => {
        const before = Number(live.metadata?.annotations?.[BEFORE] ?? Number.NaN);
        return Number.isSafeInteger(before)
          ? { spec: { replicas: before } }
          : "nothing says how many there were before";
      },
    ),
    cordon: adapter(
      "cordon",
      async (_cluster, _t, live) =>
        live.spec?.unschedulable ? "it is cordoned already" : { spec: { unschedulable: true } },
      () => async () => ({ spec: { unschedulable: false } }),
    ),
  };
}

const splitWorkload = (t: KubernetesTarget) => {
  const [kind, name] = t.workload.split("/") as [keyof typeof KINDS, string];
  return { type: KINDS[kind], name };
};
const isNode = (t: KubernetesTarget) => splitWorkload(t).type[1] === "Node";
async function readLive(t: KubernetesTarget): Promise<Live | undefined> {
  const { type, name } = splitWorkload(t);
  const live = await (await clusterOf(t)).read(type[0], type[1], name);
  // A server may leave out what a list would say.
  return live && { ...live, apiVersion: type[0], kind: type[1] };
}

/** The patch with what names the object, the version that was looked at, and the act. */
function withGuard(live: Live, body: Patch, token: string): Live {
  const { name, namespace, resourceVersion } = live.metadata ?? {};
  const annotations = { ...body.metadata?.annotations, [ACT]: token };
  return {
    ...body,
    apiVersion: live.apiVersion as string,
    kind: live.kind as string,
    metadata: {
      ...{ name: name as string, resourceVersion: resourceVersion as string, annotations },
      ...(namespace === undefined ? {} : { namespace }),
    },
  };
}

async function probe(t: KubernetesTarget): Promise<TargetState> {
  const live = await readLive(t);
  if (live === undefined)
    return { ...NOTHING, fingerprint: "absent", detail: `there is no ${t.workload} in ${t.namespace}` };
  const seen = live.kind === "Node" ? nodeHealth(live) : rolloutHealth(live);
  const revisions = live.kind === "Node" ? [] : await revisionsOf(await clusterOf(t), live);
  const current = revisions.find((r) => r.current);
  return {
    exists: true,
    healthy: seen.healthy,
    // Of the specification alone: the status changes all the time. A node has no generation.
    fingerprint: JSON.stringify([live.metadata?.uid, live.metadata?.generation ?? live.spec?.unschedulable ?? false]),
    startedAtMs: null,
    release: current?.name ?? null,
    previousRelease: revisions.find((r) => !r.current && r.number < (current?.number ?? 0))?.name ?? null,
    detail: `${seen.detail}${current ? `, revision ${current.number}${current.verified ? " (verified)" : ""}` : ""}`,
  };
}
const NOTHING = { exists: false, healthy: false, startedAtMs: null, release: null, previousRelease: null };

/** As `kubectl rollout status` has it. */
function rolloutHealth({ kind, metadata, spec, status }: Live): { healthy: boolean; detail: string } {
  const count = (v: unknown) => (typeof v === "number" ? v : 0);
  const daemon = kind === "DaemonSet";
  const wanted = daemon ? count(status?.desiredNumberScheduled) : count(spec?.replicas ?? 1);
  const updated = count(daemon ? status?.updatedNumberScheduled : status?.updatedReplicas);
  const available = count(daemon ? status?.numberAvailable : (status?.availableReplicas ?? status?.readyReplicas));
  const seen = count(status?.observedGeneration) >= count(metadata?.generation);
  const old = kind === "Deployment" ? count(status?.replicas) - updated : 0;
  const healthy = seen && updated >= wanted && available >= wanted && old <= 0;
  return {
    healthy,
    detail: `${available} of ${wanted} available, ${updated} of this revision${seen ? "" : ", not seen yet"}`,
  };
}

function nodeHealth({ spec, status }: Live): { healthy: boolean; detail: string } {
  const conditions = (status?.conditions ?? []) as { type?: string; status?: string; message?: string }[];
  const ready = conditions.find((c) => c.type === "Ready");
  const cordoned = spec?.unschedulable ? ", cordoned" : "";
  return {
    healthy: ready?.status === "True",
    detail: `ready: ${String(ready?.status ?? "unknown").slice(0, 20)}${cordoned}`,
  };
}

async function rolledOut(t: KubernetesTarget, signal: AbortSignal) {
  if (isNode(t)) return { healthy: true, detail: (await probe(t)).detail };
  return waitHealthy(async () => {
    if (signal.aborted) throw new PipelineError("ACTION_FAILED", t.workload, { detail: "told to stop" });
    const state = await probe(t);
    return { healthy: state.healthy, detail: state.detail };
  }, t.start);
}

/** Marks the revision in use as one to come back to. @throws PipelineError ACTION_REFUSED while it is not healthy */
export async function verifyRevision(t: KubernetesTarget): Promise<string> {
  const cluster = await clusterOf(t);
  const live = await readLive(t);
  const current = live && (await revisionsOf(cluster, live)).find((r) => r.current);
  const state = await probe(t);
  if (current === undefined || !state.healthy)
    throw new PipelineError("ACTION_REFUSED", t.workload, { detail: `nothing to come back to: ${state.detail}` });
  const { metadata } = current.object;
  const body = {
    ...{ apiVersion: "apps/v1", kind: live?.kind === "Deployment" ? "ReplicaSet" : "ControllerRevision" },
    metadata: { name: current.name, namespace: metadata?.namespace as string, annotations: { [VERIFIED]: "true" } },
  };
  await cluster.patch(body, false);
  return current.name;
}
