/** Who calls whom in the lab, and which releases exist. Shared by the supervisor, the services and the faults. */

export type ServiceName = "gateway" | "orders" | "inventory" | "payment" | "store";

/** Outgoing calls of every service. */
export const CALLS: Record<ServiceName, readonly ServiceName[]> = {
  gateway: ["orders", "inventory"],
  orders: ["inventory", "payment", "store"],
  inventory: [],
  payment: [],
  store: [],
};

/** Services in levels: each level only calls services of the levels before it. */
export const START_LEVELS: readonly (readonly ServiceName[])[] = [
  ["inventory", "payment", "store"],
  ["orders"],
  ["gateway"],
];

export const SERVICE_NAMES: readonly ServiceName[] = ["gateway", "orders", "inventory", "payment", "store"];

/** Releases each service has had before the lab starts, oldest first; the last one runs. */
export const INITIAL_RELEASES: readonly string[] = ["0.9.0", "1.0.0"];

/** The release that carries the regressions of `regressions.ts`. */
export const NEXT_RELEASE = "1.1.0";

/** Limit of one outgoing call, in milliseconds. There are no retries. */
export const CALL_TIMEOUT_MS = 800;

/** Size limit of the store's directory, in bytes. */
export const STORE_LIMIT_BYTES = 24 * 1024 * 1024;

export function isServiceName(value: string): value is ServiceName {
  return (SERVICE_NAMES as readonly string[]).includes(value);
}

/** What a service process is told when it is forked (JSON in LAB_SERVICE). */
export interface ServiceConfig {
  name: ServiceName;
  release: string;
  /** 0 lets the OS choose. */
  port: number;
  peers: Partial<Record<ServiceName, number>>;
  otlpEndpoint: string;
  /** Directory of the service's own files; only the store writes there. */
  dir: string;
}

/** In-process defects that the parent can switch on over the IPC channel. */
export type SwitchName = "cpu-burn" | "memory-leak" | "latency" | "disk-full";

export type ToService = { type: "switch"; name: SwitchName };
export type FromService = { type: "listening"; port: number } | { type: "switched"; name: SwitchName };

/** Small seeded generator (mulberry32); returns numbers in [0, 1). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
