import type { LiveModelConfig } from "../../core/live-models-config.ts";
import type { Entity } from "../../core/tables.ts";
import type { LoadedEntity, LoadedVersion } from "./library.ts";

/** Which entities a configured model scores: `*` stands for any text, all else for itself. */
export function matching({ entities, like }: Pick<LiveModelConfig, "entities" | "like">) {
  const patterns = entities.map(
    (glob) => new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`, "su"),
  );
  return (version: LoadedVersion, { kind, name }: Entity): LoadedEntity | undefined => {
    const full = `${kind}:${name}`;
    if (!patterns.some((p) => p.test(name) || p.test(full))) return undefined;
    const own = version.entities.get(name) ?? version.entities.get(full);
    return own ?? (like === undefined ? undefined : version.entities.get(like));
  };
}
