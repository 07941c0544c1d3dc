/** The files of a fault tree model, and those that they include. */

import { realpath } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { PipelineError } from "../core/errors.ts";
import type { FaultTreeModel } from "../measure/fault-tree/model.ts";
import { type ModelFile, readOpenPsa } from "../measure/fault-tree/open-psa.ts";
import { MAX_TEXT_BYTES, readText } from "./read-text.ts";

const MOST_FILES = 1000;
const INCLUDE = /<include\b[^>]*?\bfile\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/**
 * All files as one model. A file may include others from its own folder and below; each is read once.
 * @throws PipelineError MODEL_INVALID with file and position
 */
export async function readFaultTreeFiles(
  paths: readonly string[],
  { maxBytes = MAX_TEXT_BYTES }: { maxBytes?: number } = {},
): Promise<FaultTreeModel> {
  const texts = new Map<string, ModelFile>();
  let left = maxBytes;
  const read = async (path: string): Promise<void> => {
    const key = resolve(path);
    if (texts.has(key)) return;
    if (texts.size >= MOST_FILES)
      throw new PipelineError("MODEL_INVALID", path, { detail: `the model has more than ${MOST_FILES} files` });
    const text = await readText(path, { code: "MODEL_INVALID", maxBytes: Math.max(1, left) });
    left -= text.length;
    texts.set(key, { name: path, text });
    for (const [, a, b] of text.matchAll(INCLUDE)) {
      const target = await included(a ?? b ?? "", path).catch(() => undefined);
      if (target !== undefined) await read(target);
    }
  };
  for (const path of paths) await read(path);
  const given = paths.map((p) => texts.get(resolve(p))!);
  const used = new Set(given);
  return readOpenPsa([...used], {
    include(name, from, where) {
      const target = resolve(dirname(from), name);
      const file = texts.get(target);
      if (!file)
        throw new PipelineError("MODEL_INVALID", where, {
          detail: `it includes ${name}, which can't be read from here`,
          hint: "files are included from the folder of the model alone; name others on the command line",
        });
      if (used.has(file)) return undefined;
      used.add(file);
      return file;
    },
  });
}

/** Undefined for what lies outside the folder of the file that includes it, links followed. */
async function included(name: string, from: string): Promise<string | undefined> {
  const folder = await realpath(dirname(resolve(from)));
  const target = resolve(dirname(from), name);
  return (await realpath(target)).startsWith(folder + sep) ? target : undefined;
}

/** `{edges: [[caller, callee], …]}`. @throws PipelineError INPUT_INVALID */
export async function readTopology(path: string): Promise<[string, string][]> {
  const refuse = (detail: string) =>
    new PipelineError("INPUT_INVALID", path, { detail, hint: 'write {"edges": [["caller", "callee"]]}' });
  let value: unknown;
  try {
    value = JSON.parse((await readText(path, { code: "INPUT_INVALID" })).replace(/^\u{feff}/u, ""));
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw refuse((error as Error).message);
  }
  const edges = (value as { edges?: unknown } | null)?.edges;
  if (!Array.isArray(edges)) throw refuse("it has no list of edges");
  return edges.map((e: unknown, i) => {
    if (!Array.isArray(e) || typeof e[0] !== "string" || typeof e[1] !== "string")
      throw refuse(`edge ${i} is no pair of names`);
    return [e[0], e[1]];
  });
}
