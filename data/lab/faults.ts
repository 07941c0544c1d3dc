import { createRandom, type ServiceName } from "./topology.ts";

export type FaultKind = "cpu-burn" | "memory-leak" | "latency" | "bad-release" | "disk-full" | "crash" | "hang";

export interface FaultSpec {
  kind: FaultKind;
  /** Services the fault can hit. */
  services: readonly ServiceName[];
  /** The control action that ends it. */
  cure: "restart" | "rollback";
}

export interface FaultChoice {
  kind: FaultKind;
  service: ServiceName;
}

const INNER = ["orders", "inventory", "payment", "store"] as const;

export const FAULTS: readonly FaultSpec[] = [
  { kind: "cpu-burn", services: INNER, cure: "restart" },
  { kind: "memory-leak", services: INNER, cure: "restart" },
  { kind: "latency", services: ["inventory", "payment", "store"], cure: "restart" },
  { kind: "bad-release", services: ["orders", "payment", "inventory"], cure: "rollback" },
  { kind: "disk-full", services: ["store"], cure: "restart" },
  { kind: "crash", services: INNER, cure: "restart" },
  { kind: "hang", services: INNER, cure: "restart" },
];

/** Throws RangeError when the fault does not exist or cannot hit the service. */
export function checkFault(kind: FaultKind, service: ServiceName): FaultSpec {
  const spec = FAULTS.find((fault) => fault.kind === kind);
  if (!spec) throw new RangeError(`unknown fault '${kind}'`);
  if (!spec.services.includes(service)) throw new RangeError(`fault '${kind}' cannot hit service '${service}'`);
  return spec;
}

/** The same seed (and kind) always gives the same choice. Throws RangeError on an unknown kind. */
export function pickFault(seed: number, kind?: string): FaultChoice {
  const random = createRandom(seed);
  const draw = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  // Drawn even when the kind is given, so that the service does not depend on how the kind was chosen.
  const drawn = draw(FAULTS);
  const spec = kind === undefined ? drawn : FAULTS.find((fault) => fault.kind === kind);
  if (!spec) throw new RangeError(`unknown fault '${kind}'`);
  return { kind: spec.kind, service: draw(spec.services) };
}
