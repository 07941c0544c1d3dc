/** A past range through the stages: bounded memory, resumable after a kill at any moment, as far as time `untilMs`. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import type { Source } from "../../core/source.ts";
import type { Store } from "../../core/store.ts";
import { engine } from "../../runtime/embedded/engine.ts";
import { openStore } from "../../runtime/store/pglite.ts";
import { assemble } from "../assemble.ts";
import { injectVersions } from "../models/inject.ts";
import { registryLibrary } from "../models/library.ts";
import { registryDir, registryStages } from "../models/registry-stages.ts";
import { type Coverage, covered } from "./coverage.ts";

export interface Progress {
  /** Event time that is done with. */
  readonly watermarkMs: number;
  readonly rows: number;
  /** In [0, 1]; null where the end isn't known. */
  readonly share: number | null;
}

export interface ReplayOptions {
  readonly config: Config;
  readonly sources: readonly Source[];
  /** Holds what a resumed run goes on from. */
  readonly workDir: string;
  /** Tells one run from another: what is in the directory must be of the same. */
  readonly signature: string;
  /** Reading ends when every window up to here is closed. */
  readonly untilMs: number;
  readonly clock: Clock;
  /** Share of the input that lies before these positions. */
  readonly shareOf: (positionOf: (source: string) => string | undefined) => number | null;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Replayed {
  readonly store: Store;
  readonly coverage: Coverage;
  readonly watermarkMs: number;
}

/** Longest time between two commits, ms: what a kill costs. */
const COMMIT_MS = 3000;
const JOURNAL = "signals";
/** A commit writes all state that has changed, most of it each time: seldom, then. */
const COMMIT_BYTES = 256 * 1024 * 1024;

/** @throws PipelineError STATE_MISMATCH where the directory holds another run, SOURCE_UNREADABLE. The caller closes the store. */
export async function replayRange(options: ReplayOptions): Promise<Replayed> {
  const { config, sources, workDir, signature, untilMs, clock, shareOf, onProgress } = options;
  const signaturePath = join(workDir, "run.json");
  const before = await readFile(signaturePath, "utf8").catch(() => undefined);
  if (before !== undefined && before !== signature)
    throw new PipelineError("STATE_MISMATCH", workDir, {
      detail: "it holds an unfinished run over other input or with other options",
      hint: "give the same ones to go on with it, --fresh to begin anew, or another --out",
    });
  const store = await openStore(join(workDir, "store"));
  try {
    if (before === undefined) {
      await writeFile(`${signaturePath}.tmp`, signature);
      await rename(`${signaturePath}.tmp`, signaturePath);
    }
    const stages = assemble(config);
    const head = covered(stages.features);
    let lastCommitMs = clock.nowMs();
    const run = engine({
      sources,
      store,
      head,
      next: [stages.incidents, stages.act],
      commitBytes: COMMIT_BYTES,
      commitDue: () => clock.nowMs() - lastCommitMs >= COMMIT_MS,
      over: () => head.watermarkMs >= untilMs,
      onCommitted: () => {
        lastCommitMs = clock.nowMs();
        onProgress?.({ watermarkMs: head.watermarkMs, rows: head.coverage.rows, share: shareOf(run.positionOf) });
      },
    });
    await run.restore();
    const { models } = head;
    // A journal holds the switches themselves.
    if (models && !sources.some((s) => s.name === JOURNAL))
      await injectVersions({
        stages: registryStages(config, registryLibrary(registryDir(config)), () => clock.nowMs()),
        models,
        inject: run.inject,
      });
    for (;;) {
      const done = await run.drain();
      await run.commit();
      if (done) break;
      // A partition whose records are still on their way.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return { store, coverage: head.coverage, watermarkMs: head.watermarkMs };
  } catch (error) {
    await store.close();
    throw error;
  }
}

export const forgetRun = (workDir: string): Promise<void> => rm(workDir, { recursive: true, force: true });
