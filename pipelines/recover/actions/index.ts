import type { TargetUse, UseOf } from "../../core/recover-config.ts";
import type { ActionAdapter, ActionFamily, TargetState } from "./action.ts";
import { child } from "./child.ts";
import { command } from "./command.ts";
import { files } from "./files.ts";
import { kubernetes } from "./kubernetes.ts";
import { libvirt } from "./libvirt.ts";
import { postgres } from "./postgres.ts";
import { postgresReplica } from "./postgres-replica.ts";
import { qemu } from "./qemu.ts";
import { release } from "./release.ts";
import { supervisedProcess } from "./supervised-process.ts";
import type { SupervisorOptions } from "./supervisor-client.ts";
import { supervisord } from "./supervisord.ts";
import { systemd } from "./systemd.ts";
import { webhook } from "./webhook.ts";

/** Every family of actions: options in, adapters by kind of action out. */
export const actionAdapters = {
  supervisedProcess,
  systemd,
  supervisord,
  child,
  files,
  release,
  postgres,
  postgresReplica,
  qemu,
  libvirt,
  kubernetes,
  command,
  webhook,
} satisfies Record<string, (options: never) => Readonly<Record<string, ActionAdapter>>>;
export type ActionAdapterName = keyof typeof actionAdapters;

export interface ActionTarget {
  readonly name: string;
  readonly use: TargetUse;
}

type Supervisor = Omit<SupervisorOptions, "services">;
type Targets<K extends TargetUse["kind"]> = Readonly<Record<string, UseOf<K>>>;

/** By what a target is. */
const families: {
  readonly [K in TargetUse["kind"]]: (targets: Targets<K>, supervisor?: Supervisor) => ActionFamily;
} = {
  supervisor: (targets, supervisor) =>
    supervisor ? { ...supervisedProcess({ ...supervisor, services: Object.keys(targets) }) } : {},
  systemd: (targets) => systemd({ targets }),
  supervisord: (targets) => supervisord({ targets }),
  child: (targets) => child({ targets }),
  files: (targets) => files({ targets }),
  release: (targets) => release({ targets }),
  postgres: (targets) => postgres({ targets }),
  "postgres-replica": (targets) => postgresReplica({ targets }),
  qemu: (targets) => qemu({ targets }),
  libvirt: (targets) => libvirt({ targets }),
  kubernetes: (targets) => kubernetes({ targets }),
  command: (targets) => command({ targets }),
  webhook: (targets) => webhook({ targets }),
};

export type AdapterFor = (kind: string, target: string) => ActionAdapter | undefined;

function familiesOf(targets: readonly ActionTarget[], supervisor?: Supervisor): ReadonlyMap<string, ActionFamily> {
  const grouped = new Map<TargetUse["kind"], Record<string, TargetUse>>();
  for (const { name, use } of targets) grouped.set(use.kind, { ...grouped.get(use.kind), [name]: use });
  const byTarget = new Map<string, ActionFamily>();
  for (const [use, own] of grouped) {
    const family = families[use](own as never, supervisor);
    for (const name of Object.keys(own)) byTarget.set(name, family);
  }
  return byTarget;
}

/** Each target with the actions of the family that it belongs to; undefined for all else. */
export function adaptersFor(targets: readonly ActionTarget[], supervisor?: Supervisor): AdapterFor {
  const byTarget = familiesOf(targets, supervisor);
  return (kind, target) => {
    const family = byTarget.get(target);
    return family !== undefined && Object.hasOwn(family, kind) ? family[kind] : undefined;
  };
}

/** By target, a look at it that changes nothing: all actions of a family see the same. Targets without any action have none. */
export function probesFor(
  targets: readonly ActionTarget[],
  supervisor?: Supervisor,
): ReadonlyMap<string, () => Promise<TargetState>> {
  const out = new Map<string, () => Promise<TargetState>>();
  for (const [target, family] of familiesOf(targets, supervisor)) {
    const [any] = Object.values(family);
    if (any !== undefined) out.set(target, () => any.probe(target));
  }
  return out;
}
