import type { TargetUse, UseOf } from "../../core/recover-config.ts";
import type { ActionAdapter, ActionFamily } from "./action.ts";
import { postgres } from "./postgres.ts";
import { postgresReplica } from "./postgres-replica.ts";
import { supervisedProcess } from "./supervised-process.ts";
import type { SupervisorOptions } from "./supervisor-client.ts";

/** Every family of actions: options in, adapters by kind of action out. */
export const actionAdapters = { supervisedProcess, postgres, postgresReplica } satisfies Record<
  string,
  (options: never) => Readonly<Record<string, ActionAdapter>>
>;
export type ActionAdapterName = keyof typeof actionAdapters;

export interface ActionTarget {
  readonly name: string;
  readonly use: TargetUse;
}

type Build = (
  targets: Readonly<Record<string, never>>,
  supervisor?: Omit<SupervisorOptions, "services">,
) => ActionFamily;

/** By what a target is. */
const families = {
  supervisor: (targets: Readonly<Record<string, unknown>>, supervisor?: Omit<SupervisorOptions, "services">) =>
    supervisor ? { ...supervisedProcess({ ...supervisor, services: Object.keys(targets) }) } : {},
  postgres: (targets: Readonly<Record<string, UseOf<"postgres">>>) => postgres({ targets }),
  "postgres-replica": (targets: Readonly<Record<string, UseOf<"postgres-replica">>>) => postgresReplica({ targets }),
} as unknown as Readonly<Record<TargetUse["kind"], Build>>;

export type AdapterFor = (kind: string, target: string) => ActionAdapter | undefined;

/** Each target with the actions of the family that it belongs to; undefined for all else. */
export function adaptersFor(
  targets: readonly ActionTarget[],
  supervisor?: Omit<SupervisorOptions, "services">,
): AdapterFor {
  const grouped = new Map<TargetUse["kind"], Record<string, TargetUse>>();
  for (const { name, use } of targets) grouped.set(use.kind, { ...grouped.get(use.kind), [name]: use });
  const byTarget = new Map<string, ActionFamily>();
  for (const [use, own] of grouped) {
    const family = families[use](own as never, supervisor);
    for (const name of Object.keys(own)) byTarget.set(name, family);
  }
  return (kind, target) => {
    const family = byTarget.get(target);
    return family !== undefined && Object.hasOwn(family, kind) ? family[kind] : undefined;
  };
}
