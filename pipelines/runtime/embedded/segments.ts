import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import { scanFrames } from "./frames.ts";

/** A file of whole frames; its name is the journal offset of its first byte. */
export interface Segment {
  readonly base: number;
  readonly path: string;
  /** Journal offset after its last sound and synced frame; only the last segment's moves. */
  end: number;
}

export interface FoundSegments {
  readonly segments: Segment[];
  /** Bytes after the last sound frame: an append that was never acknowledged. */
  readonly tornBytes: number;
  readonly lastIngestTimeMs: number;
}

export function segmentPath(dir: string, base: number): string {
  return join(dir, `${String(base).padStart(16, "0")}.log`);
}

/**
 * Lists a journal's segments and checks the last one in full; earlier ones are checked for gaps now and for sums when read.
 * @throws PipelineError JOURNAL_CORRUPT
 */
export async function findSegments(dir: string): Promise<FoundSegments> {
  const names = (await readdir(dir)).filter((name) => /^\d{16}\.log$/.test(name)).sort();
  const segments: Segment[] = [];
  for (const name of names) {
    const path = join(dir, name);
    const base = Number(name.slice(0, 16));
    const previous = segments.at(-1);
    if (previous !== undefined && previous.end !== base) {
      throw corrupt(previous.path, Math.min(previous.end, base) - previous.base, `the next segment begins at ${base}`);
    }
    segments.push({ base, path, end: base + (await stat(path)).size });
  }
  const last = segments.at(-1);
  if (last === undefined) {
    return { segments, tornBytes: 0, lastIngestTimeMs: 0 };
  }
  const scan = await scanSegment(last);
  const size = last.end - last.base;
  last.end = last.base + scan.soundBytes;
  let { lastIngestTimeMs } = scan;
  const previous = segments.at(-2);
  if (lastIngestTimeMs === undefined && previous !== undefined) {
    ({ lastIngestTimeMs } = await scanSegment(previous));
  }
  return { segments, tornBytes: size - scan.soundBytes, lastIngestTimeMs: lastIngestTimeMs ?? 0 };
}

async function scanSegment(segment: Segment): Promise<ReturnType<typeof scanFrames>> {
  const scan = scanFrames(await readFile(segment.path), segment.base);
  if (scan.resumesAt !== undefined) {
    throw corrupt(segment.path, scan.soundBytes, `sound frames go on at ${scan.resumesAt}`);
  }
  return scan;
}

export function corrupt(path: string, offset: number, detail: string): PipelineError {
  return new PipelineError("JOURNAL_CORRUPT", `${path}@${offset}`, {
    detail,
    hint: "restore the file from a copy, or move it and all later ones away to go on without what they hold",
  });
}

/** Makes the creation or removal of files in a directory durable. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
