/** A site for each family of actions. One without is a type error here, and a test that fails. */
import type { ActionAdapterName } from "../../../pipelines/recover/actions/index.ts";
import { commandSite, webhookSite } from "./calls.ts";
import { filesSite, releaseSite } from "./folders.ts";
import { kubernetesSite } from "./kubernetes.ts";
import { libvirtSite, qemuSite } from "./machines.ts";
import { postgresReplicaSite, postgresSite } from "./postgres.ts";
import { childSite, supervisordSite, systemdSite } from "./processes.ts";
import type { KillSite } from "./site.ts";
import { supervisorSite } from "./supervisor.ts";

export const killSites = {
  supervisedProcess: supervisorSite,
  systemd: systemdSite,
  supervisord: supervisordSite,
  child: childSite,
  files: filesSite,
  release: releaseSite,
  postgres: postgresSite,
  postgresReplica: postgresReplicaSite,
  qemu: qemuSite,
  libvirt: libvirtSite,
  kubernetes: kubernetesSite,
  command: commandSite,
  webhook: webhookSite,
} satisfies Record<ActionAdapterName, KillSite>;
