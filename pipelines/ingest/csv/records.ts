/** Records of a CSV file, plain or gzip, a chunk at a time. */
import { createReadStream } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";
import { PipelineError } from "../../core/errors.ts";
import { type CellOptions, cellsOf } from "./cells.ts";

export interface CsvRecordOptions extends CellOptions {
  /** Longest record, in characters. */
  readonly longest?: number;
}

/** Records in a row, and the line of the file, from 1, on which each begins. */
export interface CsvChunk {
  readonly rows: string[][];
  readonly lines: number[];
}

/**
 * RFC 4180 with either line end, a byte order mark and line ends inside quotes; blank lines are left out. Memory: one
 * chunk and one record. Leaving the loop closes the file.
 * @throws PipelineError with the line, after the records before it: SOURCE_UNREADABLE, LIMIT_BYTES, DECODE_BAD_FIELD (a quote
 * that is never closed; unless `careless`, text after a closing one)
 */
export async function* csvRecords(
  path: string,
  { longest = 4 * 1024 * 1024, careless = false }: CsvRecordOptions = {},
): AsyncGenerator<CsvChunk> {
  const decoder = new StringDecoder("utf8");
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const bytes = path.endsWith(".gz") ? file.pipe(createGunzip({ chunkSize: 1 << 18 })) : file;
  file.on("error", (e) => bytes.destroy(e));
  const chunks = bytes[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const bad = (line: number) =>
    new PipelineError("DECODE_BAD_FIELD", `${path}:${line}`, {
      detail: "a quote is not closed, or something follows it",
    });
  let [rest, line, first] = ["", 1, true];
  try {
    for (;;) {
      const next = await chunks.next().catch((cause: unknown) => {
        throw new PipelineError("SOURCE_UNREADABLE", path, { detail: (cause as Error).message, cause });
      });
      rest += next.done ? decoder.end() : decoder.write(next.value);
      if (first && rest.length > 0) {
        if (rest.charCodeAt(0) === 0xfeff) rest = rest.slice(1);
        first = false;
      }
      const { left, nextLine, broken, ...chunk } = split(rest, line, next.done === true, careless);
      [rest, line] = [left, nextLine];
      if (chunk.rows.length > 0) yield chunk;
      if (broken !== undefined) throw bad(broken);
      if (rest.length > longest)
        throw new PipelineError("LIMIT_BYTES", `${path}:${line}`, {
          detail: `a line is longer than ${longest} characters`,
        });
      if (!next.done) continue;
      if (rest !== "") throw bad(line);
      return;
    }
  } finally {
    file.destroy();
    bytes.destroy();
  }
}

/** Whole records of a text, what is left of the last one, and the line on which one is broken. */
function split(text: string, firstLine: number, end: boolean, careless: boolean) {
  const chunk: CsvChunk = { rows: [], lines: [] };
  const quoted = text.includes('"');
  let [from, search, quotes, line, ends] = [0, 0, 0, firstLine, 0];
  const result = (broken?: number) => ({ ...chunk, left: text.slice(from), nextLine: line, broken });
  for (;;) {
    let stop = text.indexOf("\n", search);
    const closing = stop < 0 && end;
    if (closing) stop = text.length;
    if (stop < 0) return result();
    if (quoted) {
      for (let q = text.indexOf('"', search); q >= 0 && q < stop; q = text.indexOf('"', q + 1)) quotes += 1;
      if (quotes % 2 === 1) {
        if (closing) return result();
        search = stop + 1;
        ends += 1;
        continue;
      }
    }
    const record = text.slice(from, text.charCodeAt(stop - 1) === 13 && stop > from ? stop - 1 : stop);
    if (record.charCodeAt(0) > 32 || record.trim() !== "") {
      const cells = quotes > 0 ? cellsOf(record, { careless }) : record.split(",");
      if (cells === null) return result(line);
      chunk.rows.push(cells);
      chunk.lines.push(line);
    }
    line += 1 + ends;
    from = search = Math.min(text.length, stop + 1);
    [quotes, ends] = [0, 0];
    if (closing) return result();
  }
}
