/** RFC 4180, the cells of one record: what every reader of CSV cuts lines with. */

export interface CellOptions {
  /** Text after a closing quote belongs to the cell, and a quote that is never closed ends with the line. */
  readonly careless?: boolean;
}

/** null if a quote is not closed or something follows a closing one, unless `careless`. */
export function cellsOf(line: string, options: CellOptions & { readonly careless: true }): string[];
export function cellsOf(line: string, options?: CellOptions): string[] | null;
export function cellsOf(line: string, { careless = false }: CellOptions = {}): string[] | null {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    let cell = "";
    if (line[at] === '"') {
      for (at++; ; ) {
        const quote = line.indexOf('"', at);
        if (quote < 0 && !careless) return null;
        cell += line.slice(at, quote < 0 ? undefined : quote);
        at = quote < 0 ? line.length : quote + 1;
        if (line[at] !== '"') break;
        cell += '"';
        at++;
      }
      if (at < line.length && line[at] !== "," && !careless) return null;
    }
    const comma = line.indexOf(",", at);
    cells.push(cell + line.slice(at, comma < 0 ? undefined : comma));
    if (comma < 0) return cells;
    at = comma + 1;
  }
}
