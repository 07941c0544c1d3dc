import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, open, readdir, readFile, readlink, rename } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../../core/errors.ts";

/** What a folder held when somebody said that it was good; lies beside it as `<folder>.manifest.json`. */
export interface Manifest {
  readonly createdMs: number;
  readonly hash: string;
  readonly files: number;
}

/**
 * SHA-256 over a folder: paths, kinds, permissions, contents, and the targets of links, in a fixed order. Streams: memory
 * for the names of one folder at a time. @throws PipelineError INPUT_INVALID for sockets, devices, or too many files
 */
export async function hashTree(dir: string, maxFiles = 1_000_000): Promise<{ hash: string; files: number }> {
  const total = createHash("sha256");
  let files = 0;
  const walk = async (path: string, name: string): Promise<void> => {
    if (++files > maxFiles) throw new PipelineError("INPUT_INVALID", dir, { detail: `more than ${maxFiles} files` });
    const stat = await lstat(path);
    const mode = (stat.mode & 0o7777).toString(8);
    const note = (kind: string, what: string) => total.update(`${JSON.stringify([name, kind, mode, what])}\n`);
    if (stat.isSymbolicLink()) note("link", await readlink(path));
    else if (stat.isDirectory()) {
      note("folder", "");
      const names = (await readdir(path)).sort();
      for (const child of names) await walk(join(path, child), `${name}/${child}`);
    } else if (stat.isFile()) {
      const content = createHash("sha256");
      for await (const part of createReadStream(path)) content.update(part as Buffer);
      note("file", content.digest("hex"));
    } else throw new PipelineError("INPUT_INVALID", path, { detail: "neither a file, a folder nor a link" });
  };
  await walk(dir, "");
  return { hash: total.digest("hex"), files };
}

const pathOf = (dir: string) => `${dir}.manifest.json`;

/** Vouches for a folder as it is now. Durable and whole when it settles. */
export async function writeManifest(dir: string, createdMs: number, maxFiles?: number): Promise<Manifest> {
  const manifest = { createdMs, ...(await hashTree(dir, maxFiles)) };
  const partial = `${pathOf(dir)}.partial`;
  const file = await open(partial, "w");
  try {
    await file.writeFile(JSON.stringify(manifest));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, pathOf(dir));
  return manifest;
}

/** Folders in `parent` that somebody vouched for, newest first; what cannot be read is no manifest. */
export async function vouchedFolders(parent: string): Promise<{ dir: string; manifest: Manifest }[]> {
  const out: { dir: string; manifest: Manifest }[] = [];
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const dir = join(parent, entry.name);
    const text = await readFile(pathOf(dir), "utf8").catch(() => "null");
    const manifest = parse(text);
    if (manifest !== undefined) out.push({ dir, manifest });
  }
  return out.sort((a, b) => b.manifest.createdMs - a.manifest.createdMs || (a.dir < b.dir ? 1 : -1));
}

function parse(text: string): Manifest | undefined {
  try {
    const m = JSON.parse(text) as Partial<Manifest> | null;
    return typeof m?.createdMs === "number" && typeof m.hash === "string" && typeof m.files === "number"
      ? { createdMs: m.createdMs, hash: m.hash, files: m.files }
      : undefined;
  } catch {
    return undefined;
  }
}
