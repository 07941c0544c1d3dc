/** Versions of a registry's models in memory, checked against their sums when they are read. */
import { resolve } from "node:path";
import type { LearnedState } from "../../../models/learned/learned-model.ts";
import { liveModelOf } from "../../../models/learned/live-model.ts";
import type { ModelPick } from "../../core/live-models.ts";
import type { LoadedEntity, LoadedVersion, ModelLibrary } from "../../detect/models/library.ts";
import { modelRegistry } from "../../learn/registry/registry.ts";

/** Versions of a process that are kept: tasks on several partitions share them, and a roll-back finds the one before. */
const MOST_VERSIONS = 32;
const held = new Map<string, LoadedVersion>();

/** A version never changes, so what was read and checked once is good for the process. */
export function registryLibrary(root: string): ModelLibrary {
  const registry = modelRegistry(root, () => 0);
  const failed = new Map<string, string>();
  const keyOf = (name: string, { version, checksum }: ModelPick) => `${resolve(root)}|${name}@${version}|${checksum}`;
  return {
    async load(name, pick) {
      const key = keyOf(name, pick);
      if (held.has(key)) return;
      try {
        const version = await readVersion(registry, name, pick);
        failed.delete(key);
        held.set(key, version);
        for (const old of held.keys()) if (held.size > MOST_VERSIONS) held.delete(old);
      } catch (error) {
        failed.set(key, `${name}@${pick.version} can't be used: ${(error as Error).message}`);
      }
    },
    get(name, pick) {
      const key = keyOf(name, pick);
      return held.get(key) ?? failed.get(key) ?? `${name}@${pick.version} is not loaded`;
    },
  };
}

async function readVersion(
  registry: ReturnType<typeof modelRegistry>,
  name: string,
  { version, checksum }: ModelPick,
): Promise<LoadedVersion> {
  const stored = await registry.open(`${name}@${version}`);
  if (stored.manifest.checksum !== checksum)
    throw new Error(`its checksum is ${stored.manifest.checksum.slice(0, 12)}, not ${checksum.slice(0, 12)}`);
  const states = await stored.state();
  const entities = new Map<string, LoadedEntity>();
  for (const { entity, columns, reference, rows } of stored.manifest.entities) {
    const state = states[entity] as LearnedState | undefined;
    if (state === undefined) throw new Error(`it holds no state for ${entity}`);
    entities.set(entity, { columns, reference, rows, start: await liveModelOf(state) });
  }
  return { entities };
}
