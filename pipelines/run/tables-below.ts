import { readdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

const inside = (path: string, folder: string) => !relative(folder, path).startsWith("..");

/** Files below a folder whose names fit, links to files too, as sorted paths from it; none below `except`, unless that is the folder. */
export async function tablesBelow(folder: string, pattern: RegExp, except?: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!pattern.test(entry.name)) continue;
    if (except !== undefined && inside(path, except) && resolve(folder) !== resolve(except)) continue;
    const linked = entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isFile();
    if (entry.isFile() || linked) names.push(relative(folder, path));
  }
  return names.sort();
}
