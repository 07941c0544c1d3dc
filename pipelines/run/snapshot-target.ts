/** What recovery goes back to has to be taken while all is well. */
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { writeManifest } from "../recover/actions/common/manifest.ts";
import { linkTarget } from "../recover/actions/common/switch-link.ts";
import { takeSnapshot } from "../recover/actions/files.ts";
import { verifyRevision } from "../recover/actions/kubernetes.ts";
import { takeLibvirtCheckpoint } from "../recover/actions/libvirt.ts";
import { takeBaseBackup } from "../recover/actions/postgres/base-backup.ts";
import { takeCheckpoint } from "../recover/actions/qemu.ts";

/**
 * Takes a base backup, a snapshot or a checkpoint of a target, or vouches for the release in use; says what it made.
 * @throws PipelineError CONFIG_INVALID for a target that has nothing of the kind
 */
export async function snapshotTarget(config: Config, name: string, clock: Clock): Promise<string> {
  const use = config.recover.targets.find((t) => t.name === name)?.use;
  const nowMs = clock.nowMs();
  const label = new Date(nowMs).toISOString().replaceAll(/[:.]/g, "-");
  if (use?.kind === "postgres") return (await takeBaseBackup(use, label)).dir;
  if (use?.kind === "files") return `${use.snapshots}/${label}: ${(await takeSnapshot(use, label, nowMs)).files} files`;
  if (use?.kind === "qemu") return (await takeCheckpoint(use, nowMs)).tag;
  if (use?.kind === "libvirt") return (await takeLibvirtCheckpoint(use, nowMs)).tag;
  if (use?.kind === "kubernetes" && !use.workload.startsWith("node/"))
    return `${use.workload}: revision ${await verifyRevision(use)} is verified`;
  const current = use?.kind === "release" && use.repository === undefined ? await linkTarget(use.link) : null;
  if (current !== null) return `${current}: verified, ${(await writeManifest(current, nowMs)).hash}`;
  throw new PipelineError("CONFIG_INVALID", "recover.targets", {
    detail: `nothing to keep of ${JSON.stringify(name).slice(0, 80)}`,
    hint: "name a target whose use is postgres, files, qemu, libvirt, kubernetes (a workload), or release without a repository",
  });
}
