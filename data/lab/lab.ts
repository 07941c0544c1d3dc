import { type ControlApi, startControlApi } from "./control-api.ts";
import { checkFault, type FaultChoice, type FaultKind } from "./faults.ts";
import { forkEntry } from "./fork-entry.ts";
import type { LoadConfig, LoadCounts, ToLoad } from "./load.ts";
import { endChild, type ServiceStatus, type Supervisor, startSupervisor } from "./supervisor.ts";
import { NEXT_RELEASE, type ServiceName } from "./topology.ts";

const REQUESTS_PER_SECOND = 25;

export type { FaultChoice, FaultKind } from "./faults.ts";
export { FAULTS, pickFault } from "./faults.ts";
export type { ServiceStatus } from "./supervisor.ts";
export type { ServiceName } from "./topology.ts";

export interface LabOptions {
  /** Base URL of an OTLP/HTTP receiver; nothing fails when nobody listens there. */
  otlpEndpoint: string;
  /** Working directory; the store's files go to `<dir>/store`. The caller removes it. */
  dir: string;
  seed: number;
}

export interface Injected {
  service: ServiceName;
  kind: FaultKind;
  /** Unix time in milliseconds just before the fault began. */
  atMs: number;
}

export interface Lab {
  control: { url: string; token: string };
  gatewayUrl: string;
  services(): ServiceStatus[];
  /** Pids of all child processes that are alive, the load generator included. */
  pids(): number[];
  /** Makes a real fault. Rejects with RangeError when the fault cannot hit the service. */
  inject(fault: FaultChoice): Promise<Injected>;
  /** Ends all children and the control API. Safe to call twice. */
  stop(): Promise<void>;
  /** Counts of the load generator, at most 200 ms old. */
  requests(): LoadCounts;
}

async function begin(supervisor: Supervisor, { kind, service }: FaultChoice): Promise<void> {
  switch (kind) {
    case "bad-release":
      await supervisor.deploy(service, NEXT_RELEASE);
      break;
    case "crash":
      supervisor.signal(service, "SIGKILL");
      break;
    case "hang":
      supervisor.signal(service, "SIGSTOP");
      break;
    default:
      await supervisor.switchOn(service, kind);
  }
}

/** Starts services, control API and load; resolves when all services are healthy. Rejects leaving nothing behind. */
export async function startLab({ otlpEndpoint, dir, seed }: LabOptions): Promise<Lab> {
  let tellLoad: (message: ToLoad) => void = () => {};
  const supervisor = await startSupervisor({ dir, otlpEndpoint, onExit: (pid) => tellLoad({ type: "release", pid }) });
  let api: ControlApi;
  try {
    api = await startControlApi(supervisor);
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  const gatewayPort = supervisor.services().find((s) => s.name === "gateway")!.port;
  const loadConfig: LoadConfig = { port: gatewayPort, seed, perSecond: REQUESTS_PER_SECOND };
  const load = forkEntry("load", { LAB_LOAD: JSON.stringify(loadConfig) });
  tellLoad = (message) => {
    if (load.connected) load.send(message);
  };
  let counts: LoadCounts = { sent: 0, ok: 0, failed: 0 };
  load.on("message", (message: LoadCounts) => {
    counts = message;
  });
  load.on("error", () => {});
  const running = () => supervisor.services().filter((s) => s.state === "running");

  return {
    control: { url: api.url, token: api.token },
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    services: () => supervisor.services(),
    pids: () => [
      ...running().map((s) => s.pid),
      ...(load.pid !== undefined && load.exitCode === null && load.signalCode === null ? [load.pid] : []),
    ],
    inject: async (fault) => {
      checkFault(fault.kind, fault.service);
      const target = running().find((s) => s.name === fault.service);
      if (!target) throw new Error(`${fault.service} is not running`);
      // A stopped process cannot see its parent die, so the load generator is asked to end it then.
      if (fault.kind === "hang") tellLoad({ type: "guard", pid: target.pid });
      const atMs = Date.now();
      await begin(supervisor, fault);
      return { ...fault, atMs };
    },
    stop: async () => {
      await endChild(load);
      await supervisor.stop();
      if (api.url !== "") await api.close();
      api = { ...api, url: "", close: async () => {} };
    },
    requests: () => ({ ...counts }),
  };
}
