/**
 * Versions of models in a folder: `NAME/v/000001/` holds a version and never changes; `NAME/stages/000001.json` holds who is
 * live and shadow, one file a change, the last counts. Both come into being by one atomic link or rename, so several
 * processes may work at once: who comes second sees EEXIST and tries the next number.
 */
import { link, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import type { Manifest } from "./manifest.ts";
import { checkName, parseReference } from "./reference.ts";
import { type Draft, readManifest, readState, writeVersion } from "./version-files.ts";

export type Stage = "live" | "shadow";
export interface Stages {
  readonly live: number | null;
  readonly shadow: number | null;
}
export interface StageChange extends Stages {
  readonly atMs: number;
  readonly action: "promote" | "rollback";
}
export interface StoredVersion {
  readonly name: string;
  readonly version: number;
  readonly dir: string;
  readonly manifest: Manifest;
  readonly state: () => Promise<Readonly<Record<string, unknown>>>;
}
export interface VersionEntry {
  readonly name: string;
  readonly version: number;
  readonly stage: Stage | "candidate";
  /** Undefined for a version that can't be read; `error` says why. */
  readonly manifest: Manifest | undefined;
  readonly error?: string;
}

const numbered = (n: number) => String(n).padStart(6, "0");
const FREE_NUMBER_TRIES = 1000;
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;
let sequence = 0;

export function modelRegistry(root: string, now: () => number) {
  const versionsDir = (name: string) => join(root, checkName(name), "v");
  const stagesDir = (name: string) => join(root, checkName(name), "stages");
  const dirOf = (name: string, version: number) => join(versionsDir(name), numbered(version));

  async function numbersIn(dir: string): Promise<number[]> {
    let names: string[];
    try {
      names = await readdir(dir);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      throw new PipelineError("SOURCE_UNREADABLE", dir, { detail: (error as Error).message, cause: error });
    }
    return names.flatMap((n) => (/^\d{6,9}(\.json)?$/.test(n) ? [Number.parseInt(n, 10)] : [])).sort((a, b) => a - b);
  }

  async function history(name: string): Promise<StageChange[]> {
    const dir = stagesDir(name);
    const changes: StageChange[] = [];
    for (const n of await numbersIn(dir)) {
      const path = join(dir, `${numbered(n)}.json`);
      try {
        changes.push(JSON.parse(await readFile(path, "utf8")) as StageChange);
      } catch (error) {
        throw new PipelineError("MODEL_CORRUPT", path, { detail: (error as Error).message, cause: error });
      }
    }
    return changes;
  }

  /** Adds a change made from the ones that are there, again where another process was first. */
  async function change(
    name: string,
    next: (done: readonly StageChange[]) => Omit<StageChange, "atMs">,
  ): Promise<StageChange> {
    const dir = stagesDir(name);
    await mkdir(dir, { recursive: true });
    for (let attempt = 0; attempt < FREE_NUMBER_TRIES; attempt++) {
      const done = await history(name);
      const made: StageChange = { atMs: now(), ...next(done) };
      const own = join(dir, `.${process.pid}.${++sequence}`);
      await writeFile(own, `${JSON.stringify(made)}\n`, { mode: 0o444, flush: true });
      try {
        await link(own, join(dir, `${numbered(done.length + 1)}.json`));
        return made;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      } finally {
        await unlink(own);
      }
    }
    throw new PipelineError("STORE_FAILED", dir, { detail: "other processes change it all the time", retriable: true });
  }

  const stagesOf = (done: readonly StageChange[]): Stages => ({
    live: done.at(-1)?.live ?? null,
    shadow: done.at(-1)?.shadow ?? null,
  });

  /** The lowest number that was never taken. */
  async function add(name: string, draft: Draft, state: unknown): Promise<{ version: number; manifest: Manifest }> {
    const dir = versionsDir(name);
    await mkdir(dir, { recursive: true });
    const own = join(dir, `.${process.pid}.${++sequence}.part`);
    try {
      const manifest = await writeVersion(own, draft, state);
      let version = ((await numbersIn(dir)).at(-1) ?? 0) + 1;
      for (let attempt = 0; attempt < FREE_NUMBER_TRIES; attempt++, version++) {
        try {
          await rename(own, dirOf(name, version));
          return { version, manifest };
        } catch (error) {
          if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
        }
      }
      throw new PipelineError("STORE_FAILED", dir, { detail: "no free version number", retriable: true });
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }

  const unknown = (where: string, detail: string) =>
    new PipelineError("CONFIG_INVALID", where, { detail, hint: "see `faultwright models list`" });

  /** Which number a reference means now. @throws PipelineError CONFIG_INVALID */
  async function numberOf(text: string): Promise<{ name: string; version: number }> {
    const ref = parseReference(text);
    if (!ref) throw unknown(text, "this is no reference to a model: NAME, NAME@3, NAME:live, NAME:shadow, NAME:latest");
    const versions = await numbersIn(versionsDir(ref.name));
    const latest = versions.at(-1);
    if (latest === undefined) throw unknown(text, `there is no model ${ref.name} in ${root}`);
    const stages = stagesOf(await history(ref.name));
    const { version = stages.live ?? latest } = ref;
    const found =
      version === "latest" ? latest : version === "live" || version === "shadow" ? stages[version] : version;
    if (found === null) throw unknown(text, `no version of ${ref.name} is ${version}`);
    if (!versions.includes(found)) throw unknown(text, `${ref.name} has no version ${found}`);
    return { name: ref.name, version: found };
  }

  /** @throws PipelineError CONFIG_INVALID on an unknown reference, MODEL_CORRUPT on a damaged version */
  async function open(text: string): Promise<StoredVersion> {
    const { name, version } = await numberOf(text);
    const dir = dirOf(name, version);
    const manifest = await readManifest(dir);
    return { name, version, dir, manifest, state: () => readState(dir, manifest) };
  }

  return {
    add,
    open,
    numberOf,
    history,
    stages: async (name: string) => stagesOf(await history(name)),
    async list(): Promise<VersionEntry[]> {
      let names: string[];
      try {
        names = (await readdir(root, { withFileTypes: true })).filter((d) => d.isDirectory()).map((d) => d.name);
      } catch (error) {
        if (codeOf(error) === "ENOENT") return [];
        throw new PipelineError("SOURCE_UNREADABLE", root, { detail: (error as Error).message, cause: error });
      }
      const entries: VersionEntry[] = [];
      for (const name of names.filter((n) => parseReference(n)?.version === undefined && parseReference(n)).sort()) {
        const stages = stagesOf(await history(name));
        for (const version of await numbersIn(versionsDir(name))) {
          const stage = version === stages.live ? "live" : version === stages.shadow ? "shadow" : "candidate";
          try {
            entries.push({ name, version, stage, manifest: await readManifest(dirOf(name, version)) });
          } catch (error) {
            if (!(error instanceof PipelineError)) throw error;
            entries.push({ name, version, stage, manifest: undefined, error: error.message });
          }
        }
      }
      return entries;
    },
    /** Makes a version live (or shadow) after reading it whole: a damaged one is not promoted. */
    async promote(text: string, to: Stage): Promise<StageChange & { version: number; name: string }> {
      const stored = await open(text);
      await stored.state();
      const { name, version } = stored;
      const made = await change(name, (done) => {
        const before = stagesOf(done);
        // a version is in one stage
        if (to === "shadow" && before.live === version) throw unknown(text, `version ${version} is live`);
        if (to === "shadow") return { action: "promote", live: before.live, shadow: version };
        return { action: "promote", live: version, shadow: before.shadow === version ? null : before.shadow };
      });
      return { ...made, name, version };
    },
    /** The version that was live before this one is live again. @throws PipelineError CONFIG_INVALID where there was none */
    async rollback(name: string): Promise<StageChange & { name: string; from: number | null }> {
      let from: number | null = null;
      const made = await change(checkName(name), (done) => {
        const before = livePast(done);
        from = before.at(-1) ?? null;
        const back = before.at(-2);
        if (back === undefined) throw unknown(name, "no other version was live before");
        const { shadow } = stagesOf(done);
        return { action: "rollback", live: back, shadow: shadow === back ? null : shadow };
      });
      return { ...made, name, from };
    },
  };
}

/** The stack of live versions: a promotion pushes, a roll-back pops, so that rolling back twice goes back two. */
function livePast(done: readonly StageChange[]): number[] {
  const stack: number[] = [];
  for (const { action, live } of done) {
    if (action === "rollback") stack.pop();
    else if (live !== null && live !== stack.at(-1)) stack.push(live);
  }
  return stack;
}

export type ModelRegistry = ReturnType<typeof modelRegistry>;
