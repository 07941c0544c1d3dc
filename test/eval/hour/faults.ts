/** Ten faults over an hour: the demo system's seven kinds, three of them twice, in an order and at services by the seed. */
import { FAULTS, type FaultKind } from "../../../data/lab/faults.ts";
import { createRandom, type ServiceName } from "../../../data/lab/topology.ts";

export interface PlannedFault {
  readonly id: string;
  readonly kind: FaultKind;
  readonly service: ServiceName;
  /** Seconds from the start of the hour. */
  readonly from: number;
  readonly to: number;
}

const FIRST_S = 300;
const EVERY_S = 330;

/** `count` faults of 60 to 100 s, the first after five minutes, quiet in between. */
export function plan(seed: number, count = 10): PlannedFault[] {
  const random = createRandom(seed * 7919 + 1);
  const kinds = [...FAULTS];
  while (kinds.length < count) kinds.push(FAULTS[Math.floor(random() * FAULTS.length)]!);
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [kinds[i], kinds[j]] = [kinds[j]!, kinds[i]!];
  }
  return kinds.slice(0, count).map((spec, i) => {
    const from = FIRST_S + i * EVERY_S + Math.floor(random() * 30);
    return {
      id: `F${i + 1}`,
      kind: spec.kind,
      service: spec.services[Math.floor(random() * spec.services.length)]!,
      from,
      to: from + 60 + Math.floor(random() * 40),
    };
  });
}
