/** Records of a CSV file, plain or gzip, a chunk at a time. */
import { createReadStream } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";
import { PipelineError } from "../../core/errors.ts";

/** Longest record, in characters. */
const LONGEST = 4 * 1024 * 1024;

/**
 * RFC 4180 with either line end, a byte order mark and line ends inside quotes; empty lines are left out. Memory: one
 * chunk and one record.
 * @throws PipelineError SOURCE_UNREADABLE, LIMIT_BYTES, DECODE_BAD_FIELD (a quote that is never closed)
 */
export async function* csvRecords(path: string): AsyncGenerator<string[][]> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let records = 0;
  const fileError = (cause: unknown) =>
    new PipelineError("SOURCE_UNREADABLE", path, { detail: (cause as Error).message, cause });
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const bytes = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.on("error", (e) => bytes.destroy(e));
  const chunks = bytes[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let first = true;
  for (;;) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw fileError(cause);
    });
    rest += next.done ? decoder.end() : decoder.write(next.value);
    if (first && rest.length > 0) {
      rest = rest.replace(/^\uFEFF/, "");
      first = false;
    }
    const { rows, left } = split(rest, Boolean(next.done));
    rest = left;
    records += rows.length;
    if (rest.length > LONGEST)
      throw new PipelineError("LIMIT_BYTES", `${path}, record ${records + 1}`, {
        detail: `longer than ${LONGEST} characters`,
      });
    if (rows.length > 0) yield rows;
    if (!next.done) continue;
    if (rest !== "")
      throw new PipelineError("DECODE_BAD_FIELD", `${path}, record ${records + 1}`, {
        detail: "a quote is not closed",
      });
    return;
  }
}

/** Whole records of a text, and what is left of the last one. */
function split(text: string, end: boolean): { rows: string[][]; left: string } {
  const rows: string[][] = [];
  const quoted = text.includes('"');
  let from = 0;
  let search = 0;
  let quotes = 0;
  for (;;) {
    let stop = text.indexOf("\n", search);
    const closing = stop < 0 && end;
    if (closing) stop = text.length;
    if (stop < 0) break;
    if (quoted) {
      for (let q = text.indexOf('"', search); q >= 0 && q < stop; q = text.indexOf('"', q + 1)) quotes += 1;
      if (quotes % 2 === 1) {
        if (closing) break;
        search = stop + 1;
        continue;
      }
    }
    const record = text.slice(from, text.charCodeAt(stop - 1) === 13 && stop > from ? stop - 1 : stop);
    if (record !== "") rows.push(quotes > 0 ? cells(record) : record.split(","));
    from = search = Math.min(text.length, stop + 1);
    quotes = 0;
    if (closing) break;
  }
  return { rows, left: text.slice(from) };
}

/** Text after a closing quote belongs to the cell: a careless writer's line is better than none. */
function cells(record: string): string[] {
  const out: string[] = [];
  let cell = "";
  for (let at = 0; ; ) {
    if (record[at] === '"' && cell === "") {
      for (at += 1; at < record.length; ) {
        const quote = record.indexOf('"', at);
        cell += record.slice(at, quote < 0 ? record.length : quote);
        at = quote < 0 ? record.length : quote + 1;
        if (record[at] !== '"') break;
        cell += '"';
        at += 1;
      }
    }
    const comma = record.indexOf(",", at);
    cell += record.slice(at, comma < 0 ? record.length : comma);
    out.push(cell);
    if (comma < 0) return out;
    cell = "";
    at = comma + 1;
  }
}
