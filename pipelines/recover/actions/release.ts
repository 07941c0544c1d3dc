import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import { type Candidate, linkAdapter } from "./common/link-adapter.ts";
import { hashTree, vouchedFolders } from "./common/manifest.ts";
import { runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";

type Target = UseOf<"release">;
const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?(?=-|$)/;
const layOutDir = (t: Target, token: string) => join(t.releases, `.laying-out-${token}`);

/**
 * Back to the last verified release or configuration. Verified is what somebody vouched for: a folder with a manifest, or
 * a git tag. From a verified one the next older is taken, never a newer one.
 */
export function release({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return {
    rollback: linkAdapter<Target>({
      action: "rollback",
      of: (name) => targetOf(targets, name),
      choose: (t, current) => (t.repository ? fromTags(t, t.repository, current) : fromFolders(t, current)),
      // Without a check only the incident can tell.
      contentHealth: async () => ({ healthy: true, detail: "in place, without a health check" }),
      discard: (t, token) => rm(layOutDir(t, token), { recursive: true, force: true }),
    }),
  };
}

async function fromFolders(t: Target, current: string | null): Promise<Candidate | string> {
  const found = await vouchedFolders(t.releases);
  const at = found.findIndex((r) => r.dir === current);
  const next = found[at + 1];
  if (next === undefined) return "no other verified release";
  return {
    name: next.dir,
    async prepare() {
      if ((await hashTree(next.dir)).hash !== next.manifest.hash)
        throw new PipelineError("ACTION_FAILED", next.dir, { detail: "changed since it was verified" });
      return next.dir;
    },
  };
}

async function fromTags(t: Target, repository: string, current: string | null): Promise<Candidate | string> {
  const git = (...args: string[]) =>
    runChecked(["git", "-c", `safe.directory=${repository}`, "-C", repository, ...args], {
      env: { GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" },
      maxOutputBytes: 4_000_000,
      timeoutMs: 600_000,
    });
  // Of an annotated tag the commit is what it points to.
  const format = "--format=%(objectname) %(*objectname) %(refname)";
  const { stdout } = await git("for-each-ref", "--sort=-creatordate", format, `refs/tags/${t.tags}`);
  const tags = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [object = "", pointed = "", ...name] = line.split(" ");
      return { commit: pointed || object, tag: name.join(" ") };
    });
  const running = COMMIT.exec(basename(current ?? ""))?.[0];
  const at = tags.findLastIndex((tag) => tag.commit === running);
  const next = tags.slice(at + 1).find((tag) => tag.commit !== running);
  if (next === undefined) return "no other verified tag";
  return {
    name: `${next.tag.slice(0, 120)} (${next.commit.slice(0, 12)})`,
    async prepare(token) {
      const dir = join(t.releases, `${next.commit}-${token.slice(0, 8)}`);
      const staging = layOutDir(t, token);
      await mkdir(staging, { recursive: true });
      const tar = join(staging, ".archive.tar");
      await git("archive", "--format=tar", `--output=${tar}`, next.commit);
      await runChecked(["tar", "-x", "-f", tar, "-C", staging], { timeoutMs: 600_000 });
      await rm(tar);
      if (await stat(dir).catch(() => undefined)) throw new PipelineError("ACTION_FAILED", dir, { detail: "exists" });
      await rename(staging, dir);
      return dir;
    },
  };
}
