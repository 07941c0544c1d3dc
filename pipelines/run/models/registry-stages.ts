/** What the registry says now, as switches for a running pipeline. */
import { join } from "node:path";
import type { Config } from "../../core/config.ts";
import type { ModelPick, ModelSwitch } from "../../core/live-models.ts";
import type { ModelLibrary } from "../../detect/models/library.ts";
import { modelRegistry } from "../../learn/registry/registry.ts";
import { GOES_ON } from "./goes-on.ts";

export const registryDir = ({ detect, dataDir }: Pick<Config, "detect" | "dataDir">): string =>
  detect.models.registry ?? join(dataDir, "models");

type Decided = ReadonlyMap<string, ModelSwitch | undefined>;

/**
 * The switches that lead from what was decided to what the registry says. Versions are read whole and checked first: one
 * that can't be used does not replace one that runs, and the switch says why.
 */
export function registryStages(config: Pick<Config, "detect" | "dataDir">, library: ModelLibrary, now: () => number) {
  const registry = modelRegistry(registryDir(config), now);

  const pickOf = async (name: string, version: number): Promise<ModelPick> => {
    const { manifest } = await registry.open(`${name}@${version}`);
    const pick = { version, checksum: manifest.checksum };
    await library.load(name, pick);
    const loaded = library.get(name, pick);
    if (typeof loaded === "string") throw new Error(loaded);
    return pick;
  };

  const wanted = async (name: string, before: ModelSwitch | undefined): Promise<ModelSwitch> => {
    const reasons: string[] = [];
    const pick = async (role: "live" | "shadow", version: number | null): Promise<ModelPick | null> => {
      if (version === null) return null;
      const running = before?.[role] ?? null;
      try {
        return await pickOf(name, version);
      } catch (error) {
        const other = running && running.version !== version ? running : null;
        // What runs is in memory: a file that is damaged meanwhile does it no harm.
        const kept = other ?? (running?.version === version ? running : null);
        reasons.push(
          `${(error as Error).message}${other ? `; ${name}@${other.version} ${GOES_ON}` : kept ? `; it ${GOES_ON} from memory` : ""}`,
        );
        return kept;
      }
    };
    try {
      const { live, shadow } = await registry.stages(name);
      const picks = { live: await pick("live", live), shadow: await pick("shadow", shadow) };
      if (live === null) reasons.push(`no version of ${name} is live: faultwright models promote ${name}@N`);
      return { kind: "model", timeMs: now(), name, ...picks, why: reasons.join("; ") };
    } catch (error) {
      const { live = null, shadow = null } = before ?? {};
      return { kind: "model", timeMs: now(), name, live, shadow, why: (error as Error).message };
    }
  };

  return {
    async changes(decided: Decided): Promise<ModelSwitch[]> {
      const out: ModelSwitch[] = [];
      for (const { name } of config.detect.models.use) {
        const before = decided.get(name);
        const next = await wanted(name, before);
        if (!before || !same(before, next)) out.push(next);
      }
      return out;
    },
  };
}
export type RegistryStages = ReturnType<typeof registryStages>;

const key = (pick: ModelPick | null) => (pick ? `${pick.version} ${pick.checksum}` : "");
const same = (a: ModelSwitch, b: ModelSwitch) =>
  key(a.live) === key(b.live) && key(a.shadow) === key(b.shadow) && a.why === b.why;
