import { PipelineError } from "../../core/errors.ts";

/** RFC 4180: quotes, doubled quotes, line breaks within quotes; the separator is what the header has most of. */
export function* csvRows(text: string, file: string): Generator<{ cells: string[]; line: number }> {
  const head = text.slice(0, text.search(/[\r\n]|$/));
  const separator = [",", ";", "\t"].reduce((a, b) => (head.split(b).length > head.split(a).length ? b : a));
  let line = 1;
  let cells: string[] = [];
  let from = 1;
  const unit = new RegExp(`"([^"]*(?:""[^"]*)*)"(?=${separator}|\\r?\\n|$)|[^${separator}\\r\\n]*`, "y");
  for (let at = 0; at < text.length; ) {
    unit.lastIndex = at;
    if (text[at] === '"' && text.indexOf('"', at + 1) < 0)
      throw new PipelineError("INPUT_INVALID", `${file}:${line}`, { detail: "a quote is not closed" });
    const [all, quoted] = unit.exec(text)!;
    cells.push(quoted === undefined ? all : quoted.replaceAll('""', '"'));
    for (const c of all) if (c === "\n") line += 1;
    at += all.length;
    if (text[at] === separator) {
      at += 1;
      if (at === text.length) cells.push("");
      else continue;
    }
    yield { cells, line: from };
    cells = [];
    if (text[at] === "\r") at += 1;
    if (text[at] === "\n") at += 1;
    from = ++line;
  }
}
