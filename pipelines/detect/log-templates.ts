/** The template miner in a stream: its state can be saved at any line, and comes back exactly. */
import { Miner, type MinerOptions } from "../../models/logs/miner.ts";
import type { LogTemplates } from "../core/log-templates.ts";
import { fromChunk, scopedChunks, toChunk } from "../core/stage.ts";

export interface StreamTemplatesOptions extends Pick<MinerOptions, "mostTemplates"> {
  /** Of a longer line the beginning counts. */
  readonly mostLineChars?: number;
  /** Lines learned between two bases of the state. */
  readonly baseEvery?: number;
}

/** Lines of a template that are learned between two bases; further ones tell nothing new. */
const LEARNED_OF_ONE = 16;
const CHUNK_LINES = 128;
const CHUNK_CHARS = 256 * 1024;

/**
 * Saved are the miner as of the last base and the lines learned since, which are few: of a known template the first 16.
 * At each base the miner itself goes through its saved form, whether it is saved then or not, so that one that was
 * restored and one that never stopped give the same ids for the same lines.
 * Memory: the miner's (8 kB a template at most) and `baseEvery` lines.
 */
export function streamTemplates(options: StreamTemplatesOptions = {}): LogTemplates {
  const { mostTemplates = 2000, mostLineChars = 500, baseEvery = 4096 } = options;
  let miner = new Miner({ mostTemplates });
  let base: string[] = [];
  let learned: string[] = [];
  /** Keys of masked lines since the base, to their ids. */
  const known = new Map<number, number>();
  const times = new Map<number, number>();
  const saved = { base: true, lines: 0, parts: 0, chunks: 0 };

  const learn = (line: string, key: number): number => {
    const id = miner.add(line);
    learned.push(line);
    known.set(key, id);
    times.set(id, (times.get(id) ?? 0) + 1);
    return id;
  };
  const rebase = () => {
    const text = JSON.stringify(miner.snapshot());
    miner = Miner.restore(JSON.parse(text), { mostTemplates });
    base = [];
    for (let at = 0; at < text.length; at += CHUNK_CHARS) base.push(text.slice(at, at + CHUNK_CHARS));
    learned = [];
    known.clear();
    times.clear();
    saved.base = false;
    saved.lines = 0;
  };
  return {
    idOf(body) {
      const line = firstLine(body, mostLineChars);
      const found = miner.find(line);
      const id = known.get(found.key) ?? found.id;
      if (id !== undefined) {
        const live = miner.current(id);
        if ((times.get(live) ?? 0) >= LEARNED_OF_ONE) return live;
      }
      const given = learn(line, found.key);
      if (learned.length >= baseEvery) rebase();
      return given;
    },
    now: (id) => miner.current(id),
    textOf: (id) => miner.textOf(id),
    snapshot(put, full = false) {
      if (!saved.base || full) {
        for (const [i, part] of base.entries()) put(`base/${i}`, toChunk(part));
        for (let i = base.length; i < saved.parts; i++) put(`base/${i}`, undefined);
        for (let i = Math.ceil(learned.length / CHUNK_LINES); i < saved.chunks; i++) put(`lines/${i}`, undefined);
        saved.base = true;
        saved.parts = base.length;
        saved.lines = 0;
        saved.chunks = 0;
      }
      for (let at = saved.lines - (saved.lines % CHUNK_LINES); at < learned.length; at += CHUNK_LINES) {
        if (at + CHUNK_LINES <= saved.lines || saved.lines === learned.length) continue;
        put(`lines/${at / CHUNK_LINES}`, toChunk(learned.slice(at, at + CHUNK_LINES)));
        saved.chunks = Math.max(saved.chunks, at / CHUNK_LINES + 1);
      }
      saved.lines = learned.length;
    },
    restore(chunks) {
      const parts = inOrder(scopedChunks(chunks, "base")).map((bytes) => fromChunk<string>(bytes));
      if (parts.length > 0) {
        base = parts;
        miner = Miner.restore(JSON.parse(parts.join("")), { mostTemplates });
      }
      const lines = inOrder(scopedChunks(chunks, "lines"));
      for (const bytes of lines) for (const line of fromChunk<string[]>(bytes)) learn(line, miner.find(line).key);
      Object.assign(saved, { base: true, parts: parts.length, chunks: lines.length, lines: learned.length });
    },
  };
}

const inOrder = (chunks: Map<string, Uint8Array>): Uint8Array[] =>
  [...chunks].sort(([a], [b]) => Number(a) - Number(b)).map(([, bytes]) => bytes);

/** Of a message of several lines the first that holds something: below stand traces and dumps. */
function firstLine(body: string, mostChars: number): string {
  const text = body.length > 4 * mostChars ? body.slice(0, 4 * mostChars) : body;
  const line = text.includes("\n") ? (text.split("\n").find((l) => l.trim() !== "") ?? "") : text;
  return line.length > mostChars ? line.slice(0, mostChars) : line;
}
