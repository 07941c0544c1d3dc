/** `faultwright train`: histories and incidents in, a version of a model out. */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import { type EntityHistory, firstAt, slice } from "../../core/history.ts";
import type { Manifest } from "../../learn/registry/manifest.ts";
import { modelRegistry } from "../../learn/registry/registry.ts";
import { writeVersion } from "../../learn/registry/version-files.ts";
import { CANDIDATE_KINDS, type CandidateKind } from "../../learn/train/candidate.ts";
import type { SearchProgress } from "../../learn/train/search.ts";
import { digestOf, train } from "../../learn/train/train.ts";
import { trialJournal } from "./journal.ts";
import { placeOf } from "./read-incidents.ts";
import { type HistoryInput, inputName, readInput } from "./read-input.ts";

export interface TrainFilesOptions extends HistoryInput {
  /** Only rows before this time (or row number), or the first share (0 to 1) of each entity's rows. */
  readonly until?: string | undefined;
  readonly name: string;
  /** A folder for the version; without it, the registry. */
  readonly out?: string | undefined;
  readonly dataDir: string;
  readonly seed: number;
  readonly budgetMs: number;
  /** Only these kinds of model. */
  readonly kinds?: readonly string[] | undefined;
  readonly mostTrials?: number | undefined;
  readonly now: () => number;
  readonly say: (note: string) => void;
  readonly progress?: (progress: SearchProgress) => void;
}

export interface TrainedVersion {
  readonly name: string;
  /** Null for a version in a folder of its own. */
  readonly version: number | null;
  readonly dir: string;
  readonly manifest: Manifest;
}

/** To be raised when candidates of the same name come to be judged otherwise. */
const TRIALS_VERSION = 3;

export const registryOf = (dataDir: string, now: () => number) => modelRegistry(join(dataDir, "models"), now);

/** @throws PipelineError on unfit input, or where `out` exists */
export async function trainFiles(options: TrainFilesOptions): Promise<TrainedVersion> {
  const { name, out, dataDir, seed, budgetMs, mostTrials, now, say, progress } = options;
  const kinds = options.kinds && kindsOf(options.kinds);
  const input = inputName(options);
  const all = await readInput(options, "train");
  const entities =
    options.until === undefined ? all : all.map((h) => before(h, options.until!)).filter((h) => h.at.length > 0);
  if (entities.length === 0)
    throw new PipelineError("INPUT_INVALID", input, { detail: `there are no rows before ${options.until}` });
  const search = `${digestOf(entities).slice(0, 32)}-${seed}.v${TRIALS_VERSION}.jsonl`;
  const journal = await trialJournal(join(dataDir, "trials", search));
  const common = { name, entities, seed, budgetMs, kinds, mostTrials, now, journal, say };
  const { draft, state } = await train(progress ? { ...common, progress } : common).catch((error: unknown) => {
    if (kinds && error instanceof RangeError)
      throw new PipelineError("INPUT_INVALID", input, { detail: error.message, cause: error });
    throw error;
  });
  if (!draft.validation.complete) say("the search ended before all candidates were tried; run it again to go on");
  const registry = registryOf(dataDir, now);
  if (out === undefined) {
    const { version, manifest } = await registry.add(name, draft, state);
    return { name, version, dir: (await registry.open(`${name}@${version}`)).dir, manifest };
  }
  const unfinished = `${out}.${process.pid}.part`;
  try {
    await mkdir(dirname(out), { recursive: true });
    const manifest = await writeVersion(unfinished, draft, state);
    await rename(unfinished, out);
    return { name, version: null, dir: out, manifest };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const taken = code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR";
    throw new PipelineError("CONFIG_INVALID", out, {
      detail: taken ? "it exists already, and a version never changes" : message,
      cause: error,
    });
  }
}

function kindsOf(names: readonly string[]): CandidateKind[] {
  const unknown = names.filter((n) => !(CANDIDATE_KINDS as readonly string[]).includes(n));
  if (unknown.length > 0 || names.length === 0)
    throw new PipelineError("CONFIG_INVALID", "--kinds", {
      detail: unknown.length > 0 ? `there is no kind ${unknown.join(", ")}` : "it names no kind",
      hint: `there are ${CANDIDATE_KINDS.join(", ")}`,
    });
  return names as CandidateKind[];
}

function before(h: EntityHistory, until: string): EntityHistory {
  const place = placeOf(until);
  if (!Number.isFinite(place)) throw new PipelineError("CONFIG_INVALID", "--until", { detail: `${until} is no time` });
  const share = place > 0 && place < 1;
  const cut = slice(h, 0, share ? Math.floor(place * h.at.length) : firstAt(h.at, place));
  // how an incident goes on after the cut is not known at the cut
  const end = cut.at.length > 0 ? cut.at.at(-1)! : 0;
  return {
    ...cut,
    incidents: cut.incidents.map((i) => (i.end > end ? { ...i, end: Math.max(i.start + 1, end + 1) } : i)),
  };
}
