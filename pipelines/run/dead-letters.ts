/** Dead letters: found page by page, and sent back through the door that their records came by. */
import type { Clock } from "../core/clock.ts";
import type { DeadLetter } from "../core/records.ts";
import { deadLetterV1 } from "../core/schemas/records.ts";
import type { Store, StoredRecord } from "../core/store.ts";

/** What a letter must have; nothing: all do. */
export interface LetterFilter {
  readonly source?: string;
  readonly code?: string;
  /** Arrived then or later. */
  readonly sinceMs?: number;
}

export interface Letter {
  readonly key: string;
  readonly seq: number;
  readonly letter: DeadLetter;
}

/** A letter without its payload, and when it was sent back last. */
export type LetterSummary = Omit<DeadLetter, "payload"> & { readonly key: string; readonly replayedMs: number | null };

/** Where the records of letters go back to. */
export interface Door {
  /** More is on its way already than may be. */
  busy(): boolean;
  /** Why this one can't go back, or undefined. */
  refuses(letter: DeadLetter): string | undefined;
  /** In this order; `done` for each as it is durable there. Rejects when one is not. */
  send(letters: readonly DeadLetter[], done: (letter: DeadLetter) => void): Promise<void>;
}

type Letters = Pick<Store, "latest">;
type Audit = Pick<Store, "audit" | "auditTrail">;

/** At most this many letters in memory; with the default limit on payloads less than 22 MiB of them. */
const PAGE = 64;
/** One request looks at no more than this; whoever asked goes on from where it ended. */
const SCAN_LETTERS = 4096;
const SCAN_BYTES = 64 * 1024 * 1024;

export const matches = (letter: DeadLetter, { source, code, sinceMs }: LetterFilter): boolean =>
  (source === undefined || letter.source === source) &&
  (code === undefined || letter.reasons.some((r) => r.code === code)) &&
  (sinceMs === undefined || letter.ingestTimeMs >= sinceMs);

/** Undefined for what an older version wrote, which kept no payload. */
function letterOf({ key, seq, value }: StoredRecord): Letter | undefined {
  const parsed = deadLetterV1.safeParse(JSON.parse(value));
  return parsed.success ? { key, seq, letter: parsed.data } : undefined;
}

export async function oneLetter(store: Letters, key: string): Promise<Letter | undefined> {
  const [found] = await store.latest("dead-letters", { key });
  return found && letterOf(found);
}

interface Scan {
  readonly found: Letter[];
  /** `seq` to go on from; null at the end. */
  readonly next: number | null;
}

/** Up to `limit` letters that fit, or as many as one request may look for. */
async function scan(
  store: Letters,
  filter: LetterFilter,
  limit: number,
  from: { after?: number; until?: number; before?: number },
): Promise<Scan> {
  const oldestFirst = from.after !== undefined;
  let at = oldestFirst ? from.after : from.before;
  const found: Letter[] = [];
  for (let [letters, bytes] = [0, 0]; letters < SCAN_LETTERS && bytes < SCAN_BYTES; ) {
    const page = await store.latest("dead-letters", {
      limit: PAGE,
      oldestFirst,
      ...(oldestFirst ? { afterSeq: at, beforeSeq: from.until } : { beforeSeq: at }),
    });
    for (const record of page) {
      at = record.seq;
      letters += 1;
      bytes += record.value.length;
      const letter = letterOf(record);
      if (!letter || !matches(letter.letter, filter)) continue;
      found.push(letter);
      if (found.length === limit) return { found, next: at };
    }
    if (page.length < PAGE) return { found, next: null };
  }
  return { found, next: at ?? null };
}

/** Newest first. `next` is the `before` of the next page; a page may be short, or empty, without being the last. */
export async function listLetters(
  store: Letters & Audit,
  filter: LetterFilter,
  { before, limit = PAGE }: { before?: number; limit?: number } = {},
): Promise<{ letters: LetterSummary[]; next: number | null }> {
  const { found, next } = await scan(store, filter, Math.min(limit, PAGE), { before });
  const replayed = await replaysOf(
    store,
    found.map((l) => l.key),
  );
  const letters = found.map(({ key, letter: { payload: _, ...rest } }) => ({
    key,
    ...rest,
    replayedMs: replayed.get(key) ?? null,
  }));
  return { letters, next };
}

export interface ReplayRequest {
  /** These letters; without it those that fit the filter, oldest first. */
  readonly keys?: readonly string[];
  readonly filter?: LetterFilter;
  /** Also letters that were sent back before. */
  readonly again?: boolean;
  /** Also records of which rows were used: those count twice where their windows are still open. */
  readonly partial?: boolean;
  readonly by: string;
  /** Goes on where the answer before ended. */
  readonly from?: ReplayCursor;
}

export interface ReplayCursor {
  readonly after: number;
  /** Letters that came after the first request are not sent back by it: what is refused again would never end. */
  readonly until: number;
}

export interface ReplayResult {
  readonly replayed: readonly string[];
  readonly skipped: readonly { readonly key: string; readonly why: string }[];
  readonly next: ReplayCursor | null;
}

const planId = (key: string) => `dead-letter:${key}`;

/**
 * Sends one page of letters back. Each is in the audit before it goes, so that a crash between leaves it unsent rather
 * than sent twice; where the door refuses, the audit says so and it may be tried again. Not for concurrent calls.
 */
export async function replayLetters(
  store: Letters & Audit,
  door: Door,
  clock: Clock,
  request: ReplayRequest,
): Promise<ReplayResult> {
  const { keys, filter = {}, again = false, partial = false, by } = request;
  const skipped: { key: string; why: string }[] = [];
  let found: Letter[] = [];
  let next: ReplayCursor | null = null;
  if (keys) {
    for (const key of new Set(keys)) {
      const letter = await oneLetter(store, key);
      if (letter) found.push(letter);
      else skipped.push({ key, why: "there is no such letter" });
    }
    found.sort((a, b) => a.seq - b.seq);
  } else {
    const until = request.from?.until ?? ((await store.latest("dead-letters", { limit: 1 }))[0]?.seq ?? 0) + 1;
    const page = await scan(store, filter, PAGE, { after: request.from?.after ?? 0, until });
    found = page.found;
    if (page.next !== null) next = { after: page.next, until };
  }
  const before = await replaysOf(
    store,
    found.map((l) => l.key),
  );
  const sent = found.filter(({ key, letter }) => {
    const why = !letter.complete
      ? `${letter.sizeBytes} bytes were too many to keep: only its beginning is here`
      : before.has(key) && !again
        ? "it was sent back before (--again)"
        : letter.taken > 0 && !partial
          ? `${letter.taken} of its rows were used and could count twice (--partial)`
          : door.refuses(letter);
    if (why !== undefined) skipped.push({ key, why });
    return why === undefined;
  });
  if (sent.length > 0) {
    const entries = (event: string, about: readonly Letter[]) =>
      about.map(({ key, letter: { rows, sizeBytes } }) => ({
        planId: planId(key),
        timeMs: clock.nowMs(),
        event,
        detail: JSON.stringify({ by, rows, sizeBytes }),
      }));
    await store.audit(...entries("replay", sent));
    const through = new Set<DeadLetter>();
    try {
      await door.send(
        sent.map((l) => l.letter),
        (letter) => through.add(letter),
      );
    } catch (error) {
      const left = sent.filter((l) => !through.has(l.letter));
      await store.audit(...entries("replay-failed", left));
      throw error;
    }
  }
  return { replayed: sent.map((l) => l.key), skipped, next };
}

/** Letters that were sent back, and when last. */
async function replaysOf(store: Audit, keys: readonly string[]): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  if (keys.length === 0) return out;
  const names = new Map(keys.map((key) => [planId(key), key]));
  for (const { planId: id, event, timeMs } of await store.auditTrail({ planIds: [...names.keys()] })) {
    const key = names.get(id) as string;
    if (event === "replay") out.set(key, timeMs);
    else if (event === "replay-failed") out.delete(key);
  }
  return out;
}

/** For a log line: what and how many, never the payload. */
export function letterLine(value: string): Record<string, unknown> {
  const { format, rows, taken, sizeBytes, reasons = [] } = JSON.parse(value) as DeadLetter;
  const code = [...new Set(reasons.map((r) => r.code))].join();
  return { code, format, rows, taken, sizeBytes, reasons: reasons.map((r) => `${r.code}: ${r.detail} (${r.rows})`) };
}
