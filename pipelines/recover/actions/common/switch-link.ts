import { lstat, open, readlink, realpath, rename, rm, symlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PipelineError } from "../../../core/errors.ts";

/** Makes the symbolic link `link` point to `to`, at once for all who open it; survives a power cut. */
export async function switchLink(link: string, to: string, token: string): Promise<void> {
  const temporary = `${link}.${token}`;
  await rm(temporary, { force: true });
  await symlink(to, temporary);
  await rename(temporary, link);
  const folder = await open(dirname(link), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Where the link points, as an absolute path, whether or not that exists; null when there is no such link. */
export async function linkTarget(link: string): Promise<string | null> {
  const stat = await lstat(link).catch(() => undefined);
  if (stat === undefined) return null;
  if (!stat.isSymbolicLink())
    throw new PipelineError("ACTION_REFUSED", link, {
      detail: "not a symbolic link",
      hint: "move the folder aside and put a link to it in its place: only a link can be switched at once",
    });
  const to = resolve(dirname(link), await readlink(link));
  return realpath(to).catch(() => to);
}
