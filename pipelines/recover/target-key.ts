import type { TargetUse } from "../core/recover-config.ts";

/**
 * What two configs must have in common to mean the same target: the name they give it may differ. For `command` and `webhook`
 * nothing else tells, so there it is the name.
 */
export function targetKey(
  { name, use }: { readonly name: string; readonly use: TargetUse },
  supervisorUrl = "",
): string {
  switch (use.kind) {
    case "supervisor":
      return JSON.stringify([use.kind, supervisorUrl, name]);
    case "systemd":
      return JSON.stringify([use.kind, use.scope, use.unit]);
    case "supervisord":
      return JSON.stringify([use.kind, use.socket ?? [use.host, use.port], use.program]);
    case "child":
      return JSON.stringify([use.kind, name, use.command]);
    case "files":
    case "release":
      return JSON.stringify(["link", use.link]);
    case "postgres":
      return JSON.stringify([use.kind, use.data]);
    case "postgres-replica":
      return JSON.stringify([use.kind, use.host, use.port]);
    case "qemu":
      return JSON.stringify([use.kind, use.socket]);
    case "libvirt":
      return JSON.stringify([use.kind, use.uri, use.domain]);
    case "kubernetes":
      return JSON.stringify([use.kind, use.kubeconfig ?? "", use.context ?? "", use.namespace, use.workload]);
    case "command":
    case "webhook":
      return JSON.stringify([use.kind, name]);
  }
}
