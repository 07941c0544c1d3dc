/** One version on disk: `manifest.json`, `state.json` and `state.bin`, checked against their sums whenever they are read. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import { pack, unpack } from "../../core/pack.ts";
import type { Manifest } from "./manifest.ts";

export type Draft = Omit<Manifest, "files" | "checksum" | "format">;

const sha256 = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex");
const sumOf = ({ checksum: _, ...rest }: Partial<Manifest>) => sha256(JSON.stringify(rest));

/** Writes a version into a new folder and flushes it. Same draft and state: same bytes. */
export async function writeVersion(dir: string, draft: Draft, state: unknown): Promise<Manifest> {
  const { json, bytes } = pack(state);
  const unsigned = {
    format: "faultwright-model/1" as const,
    ...draft,
    files: { "state.json": sha256(json), "state.bin": sha256(bytes) },
  };
  const manifest: Manifest = { ...unsigned, checksum: sumOf(unsigned) };
  await mkdir(dir, { recursive: true });
  const files = { "state.json": json, "state.bin": bytes, "manifest.json": `${JSON.stringify(manifest, null, 1)}\n` };
  for (const [name, content] of Object.entries(files)) {
    const file = await open(join(dir, name), "wx", 0o444);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  return manifest;
}

const corrupt = (where: string, detail: string, cause?: unknown) =>
  new PipelineError("MODEL_CORRUPT", where, { detail, cause, hint: "train it again, or roll back to another version" });

/** @throws PipelineError MODEL_CORRUPT where it is missing, unreadable or changed since it was written */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, "manifest.json");
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  } catch (error) {
    throw corrupt(path, (error as Error).message, error);
  }
  if (manifest?.format !== "faultwright-model/1") throw corrupt(path, "this is no manifest of a version");
  if (sumOf(manifest) !== manifest.checksum) throw corrupt(path, "it is not what was written: its checksum differs");
  return manifest;
}

/** The states by entity. @throws PipelineError MODEL_CORRUPT */
export async function readState(dir: string, manifest: Manifest): Promise<Readonly<Record<string, unknown>>> {
  const read = async (name: string): Promise<Buffer> => {
    const path = join(dir, name);
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      throw corrupt(path, (error as Error).message, error);
    }
    if (sha256(bytes) !== manifest.files[name]) throw corrupt(path, "it is not what was written: its checksum differs");
    return bytes;
  };
  const [json, bytes] = await Promise.all([read("state.json"), read("state.bin")]);
  try {
    return unpack({ json: json.toString("utf8"), bytes }) as Record<string, unknown>;
  } catch (error) {
    throw corrupt(dir, (error as Error).message, error);
  }
}
