/**
 * A real API server with its controllers. kwok plays the nodes, or where it is not built a loop of ours: pods become ready
 * and never run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** Where `build.sh` puts what it builds. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "faultwright/kubernetes-1.35.4");
const NEEDED = ["etcd", "kube-apiserver", "kube-controller-manager"];
const hasKwok = existsSync(join(cache, "kwok"));
export const hasKubernetes = NEEDED.every((f) => existsSync(join(cache, f)));

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export async function startKubernetes() {
  const dir = mkdtempSync(join(tmpdir(), "fw-k8s-"));
  const at = (name: string) => join(dir, name);
  const children: ChildProcess[] = [];
  let said = "";
  const run = (file: string, ...args: string[]) => {
    const child = spawn(join(cache, file), args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.on("data", (d) => {
      said = `${said}${d}`.slice(-8000);
    });
    children.push(child);
  };
  const [client, peer, api, manager, kwok] = await Promise.all([1, 2, 3, 4, 5].map(freePort));
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(at("sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }));
  writeFileSync(at("sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
  const token = randomBytes(16).toString("hex");
  writeFileSync(at("tokens.csv"), `${token},admin,admin,"system:masters"\n`);
  const kubeconfig = at("kubeconfig");
  const server = `https://127.0.0.1:${api}`;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "test" },
      clusters: [{ name: "test", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "admin", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    }),
  );
  const etcd = `http://127.0.0.1:${client}`;
  run(
    "etcd",
    ...[
      `--data-dir=${at("etcd")}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      "--unsafe-no-fsync",
    ],
    ...[`--listen-peer-urls=http://127.0.0.1:${peer}`, "--log-level=error"],
  );
  run(
    "kube-apiserver",
    ...[`--etcd-servers=${etcd}`, `--cert-dir=${at("certs")}`, `--secure-port=${api}`, "--bind-address=127.0.0.1"],
    ...[`--service-account-key-file=${at("sa.pub")}`, `--service-account-signing-key-file=${at("sa.key")}`],
    ...["--service-account-issuer=https://faultwright.test", `--token-auth-file=${at("tokens.csv")}`],
    ...[
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      "--disable-admission-plugins=ServiceAccount",
    ],
  );
  const k8s = await import("@kubernetes/client-node");
  const config = new k8s.KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(k8s.CoreV1Api);
  const up = async () => {
    try {
      await core.readNamespace({ name: "default" });
      return true;
    } catch {
      return false;
    }
  };
  for (let i = 0; !(await up()); i++) {
    if (i > 600) throw new Error(`the API server did not start: ${said}`);
    await new Promise((go) => setTimeout(go, 100));
  }
  run(
    "kube-controller-manager",
    ...[`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--bind-address=127.0.0.1", `--secure-port=${manager}`],
    ...[
      `--cert-dir=${at("certs")}`,
      "--controllers=deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller",
    ],
  );
  if (hasKwok)
    run("kwok", `--kubeconfig=${kubeconfig}`, "--manage-all-nodes=true", `--server-address=127.0.0.1:${kwok}`);
  await core.createNode({ body: { apiVersion: "v1", kind: "Node", metadata: { name: "node-a" } } });
  let playing = true;
  const play = async () => {
    const status = (type: string) => ({ type, status: "True", lastTransitionTime: new Date() });
    for (; playing; await new Promise((go) => setTimeout(go, 150))) {
      const { items } = await core.listNamespacedPod({ namespace: "default" });
      for (const pod of items) {
        const own = { name: pod.metadata?.name as string, namespace: "default" };
        // A kubelet would let it go; here nothing runs.
        if (pod.metadata?.deletionTimestamp)
          await core.deleteNamespacedPod({ ...own, gracePeriodSeconds: 0 }).catch(() => {});
        else if (pod.status?.phase !== "Running") {
          pod.status = {
            phase: "Running",
            startTime: new Date(),
            conditions: ["Ready", "ContainersReady"].map(status),
          };
          await core.replaceNamespacedPodStatus({ ...own, body: pod }).catch(() => {});
        }
      }
    }
  };
  const played = hasKwok ? Promise.resolve() : play().catch(() => {});
  return {
    ...{ dir, kubeconfig, core, apps: config.makeApiClient(k8s.AppsV1Api) },
    log: () => said,
    async stop() {
      playing = false;
      await played;
      for (const child of children.reverse()) {
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      }
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
