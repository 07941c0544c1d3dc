/** The peers' table of one set in `PEERS.md`, in its order; cells as written. */
export function peersOf(markdown: string, set: string): { name: string; values: Record<string, string> }[] {
  const section = markdown.split(/^## /m).find((s) => s.startsWith(set)) ?? "";
  const rows = section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const [head = [], , ...body] = rows;
  return body.map((cells) => ({
    name: cells[0] as string,
    values: Object.fromEntries(head.slice(1).map((column, i) => [column, cells[i + 1] as string])),
  }));
}
