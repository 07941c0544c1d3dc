import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import { linkAdapter } from "./common/link-adapter.ts";
import { hashTree, type Manifest, vouchedFolders, writeManifest } from "./common/manifest.ts";
import { runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";

type Target = UseOf<"files">;
const HOUR_MS = 3_600_000;
const madeBy = (t: Target, token: string) => `${t.link}-restore-${token}`;

/** Files from the newest good snapshot of before the fault: copied, checked by hash, switched to at once. */
export function files({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return {
    "restore-files": linkAdapter<Target>({
      action: "restore-files",
      of: (name) => targetOf(targets, name),
      async choose(t, _current, onsetMs) {
        const found = await vouchedFolders(t.snapshots);
        const good = found.find((s) => onsetMs === null || s.manifest.createdMs < onsetMs);
        if (good === undefined) return "no snapshot from before the fault";
        return {
          name: good.dir,
          async prepare(token) {
            const dir = madeBy(t, token);
            await runChecked(["cp", "-a", "--reflink=auto", good.dir, dir], { timeoutMs: HOUR_MS });
            // The copy is checked, not its source: what is switched to is what was vouched for.
            const { hash } = await hashTree(dir, t.maxFiles);
            if (hash !== good.manifest.hash)
              throw new PipelineError("ACTION_FAILED", good.dir, { detail: "not what its manifest says: damaged" });
            return dir;
          },
        };
      },
      async contentHealth(t, current) {
        const known = await vouchedFolders(t.snapshots);
        if (known.length === 0) return { healthy: true, detail: "no snapshot to compare with" };
        const { hash } = await hashTree(current, t.maxFiles);
        const same = known.find((s) => s.manifest.hash === hash);
        return { healthy: same !== undefined, detail: same ? `equal to ${same.dir}` : "equal to no snapshot" };
      },
      discard: (t, token) => rm(madeBy(t, token), { recursive: true, force: true }),
    }),
  };
}

/** Takes a snapshot of what the link points to; it counts from when its manifest is there. */
export async function takeSnapshot(t: Target, name: string, nowMs: number): Promise<Manifest> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new RangeError(`no name for a snapshot: ${JSON.stringify(name)}`);
  const dir = join(t.snapshots, name);
  await runChecked(["cp", "-a", "--reflink=auto", `${t.link}/`, dir], { timeoutMs: HOUR_MS });
  return writeManifest(dir, nowMs, t.maxFiles);
}
