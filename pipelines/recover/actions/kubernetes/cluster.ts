/** The official client, kept to what the actions need: read, list, patch; each bounded in time. */
import type { AppsV1Api, CoreV1Api, KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import { PipelineError } from "../../../core/errors.ts";
import type { UseOf } from "../../../core/recover-config.ts";

export type KubernetesTarget = UseOf<"kubernetes">;

/** As it comes from the server: nothing in it is believed to be there. */
export interface Live extends KubernetesObject {
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked at with `?.`
  readonly spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly status?: any;
  // biome-ignore lint/suspicious/noExplicitAny: of ControllerRevisions
  readonly data?: any;
  readonly revision?: number;
}

export interface Cluster {
  /** Undefined when there is none. */
  read(apiVersion: string, kind: string, name: string): Promise<Live | undefined>;
  list(apiVersion: string, kind: string, labelSelector: string): Promise<Live[]>;
  /**
   * A strategic merge patch. With `metadata.resourceVersion` in it the server refuses it for an object that is another one by now.
   * @throws PipelineError ACTION_REFUSED then, ACTION_FAILED for all else
   */
  patch(body: Live, dryRun: boolean): Promise<Live>;
}

const READ_MS = 8000;
const PATCH_MS = 30_000;
const MAX_ITEMS = 500;
const clusters = new Map<string, Promise<Cluster>>();

/** One client for each kubeconfig and context. Loaded late: the package takes a second. */
export function clusterOf({ kubeconfig, context, namespace }: KubernetesTarget): Promise<Cluster> {
  const key = JSON.stringify([kubeconfig, context, namespace]);
  const known = clusters.get(key);
  if (known) return known;
  const opened = open(kubeconfig, context, namespace);
  clusters.set(key, opened);
  // A file that is missing today may be there tomorrow.
  opened.catch(() => clusters.delete(key));
  return opened;
}

async function open(kubeconfig: string | undefined, context: string | undefined, namespace: string): Promise<Cluster> {
  const k8s = await import("@kubernetes/client-node");
  const { PatchStrategy, setHeaderOptions } = k8s;
  const config = new k8s.KubeConfig();
  let api: KubernetesObjectApi;
  let apps: AppsV1Api;
  let core: CoreV1Api;
  let where = "kubernetes";
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
    if (context !== undefined) {
      if (!config.getContexts().some((c) => c.name === context))
        throw new Error(`no context ${JSON.stringify(context)}`);
      config.setCurrentContext(context);
    }
    where = config.getCurrentCluster()?.server ?? where;
    api = k8s.KubernetesObjectApi.makeApiClient(config);
    apps = config.makeApiClient(k8s.AppsV1Api);
    core = config.makeApiClient(k8s.CoreV1Api);
  } catch (cause) {
    throw new PipelineError("ACTION_FAILED", "kubernetes", {
      detail: `kubeconfig: ${(cause as Error).message}`,
      cause,
    });
  }
  return {
    async read(apiVersion, kind, name) {
      const asked = { apiVersion, kind, metadata: { name, namespace } };
      return bounded(api.read(asked), READ_MS, where).catch((error) => {
        if (error instanceof PipelineError && (error.cause as { code?: unknown } | undefined)?.code === 404)
          return undefined;
        throw error;
      });
    },
    async list(apiVersion, kind, labelSelector) {
      const asked = api.list<Live>(
        apiVersion,
        kind,
        namespace,
        undefined,
        undefined,
        undefined,
        undefined,
        labelSelector,
        MAX_ITEMS,
      );
      return (await bounded(asked, READ_MS, where)).items;
    },
    patch: (body, dryRun) => {
      const { name = "" } = body.metadata ?? {};
      const asked = { name, namespace, body, fieldManager: "faultwright", ...(dryRun ? { dryRun: "All" } : {}) };
      const options = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
      // The client's generic patch drops what its types do not know, `$patch: replace` among it; these send the body as it is.
      const send: Readonly<Record<string, () => Promise<unknown>>> = {
        Deployment: () => apps.patchNamespacedDeployment(asked, options),
        StatefulSet: () => apps.patchNamespacedStatefulSet(asked, options),
        DaemonSet: () => apps.patchNamespacedDaemonSet(asked, options),
        ReplicaSet: () => apps.patchNamespacedReplicaSet(asked, options),
        ControllerRevision: () => apps.patchNamespacedControllerRevision(asked, options),
        Node: () => core.patchNode(asked, options),
      };
      const one = send[body.kind ?? ""];
      if (one === undefined) throw new PipelineError("ACTION_REFUSED", where, { detail: `no patch of a ${body.kind}` });
      return bounded(one() as Promise<Live>, PATCH_MS, where);
    },
  };
}

async function bounded<T>(work: Promise<T>, limitMs: number, where: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (cause) {
    const { code, body } = cause as { code?: unknown; body?: unknown };
    const said = messageIn(body) ?? (cause as Error).message;
    const detail = `${typeof code === "number" ? `${code}: ` : ""}${said}`.slice(0, 300);
    throw new PipelineError(code === 409 ? "ACTION_REFUSED" : "ACTION_FAILED", where, { detail, cause });
  } finally {
    clearTimeout(timer);
  }
}

/** The message of a Status object, as text or parsed. */
function messageIn(body: unknown): string | undefined {
  try {
    const status = (typeof body === "string" ? JSON.parse(body) : body) as { message?: unknown } | null;
    return typeof status?.message === "string" ? status.message : undefined;
  } catch {
    return undefined;
  }
}
