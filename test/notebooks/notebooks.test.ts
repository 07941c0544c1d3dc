import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { record } from "../../notebooks/record-incident.ts";

interface Cell {
  readonly cell_type: string;
  readonly source: readonly string[];
  readonly outputs?: readonly unknown[];
  readonly execution_count?: number | null;
  /** `prints`: regular expressions that the cell's output must match. */
  readonly metadata: { readonly faultwright?: { readonly prints: readonly string[] } };
}

const dir = resolve(import.meta.dirname, "../../notebooks");
const notebooks = readdirSync(dir).filter((f) => f.endsWith(".ipynb"));
const cellsOf = (name: string) =>
  (JSON.parse(readFileSync(join(dir, name), "utf8")) as { cells: Cell[] }).cells.filter((c) => c.cell_type === "code");
const marker = (i: number) => `--- cell ${i} ---`;

/**
 * All cells as one module, as a kernel would run them one by one: imports are hoisted by the language, a name declared
 * twice is an error. Gives what each cell printed.
 */
async function run(cells: readonly Cell[]): Promise<string[]> {
  const source = cells.map((c, i) => `${c.source.join("")}\nconsole.log(${JSON.stringify(marker(i))});`).join("\n");
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const code = ts.transpileModule(source, { compilerOptions: options }).outputText;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: dir, timeout: 100_000 });
  let rest = stdout;
  return cells.map((_, i) => {
    const end = rest.indexOf(marker(i));
    const own = rest.slice(0, end);
    rest = rest.slice(end + marker(i).length);
    return own;
  });
}

describe.each(notebooks)("%s", (name) => {
  const cells = cellsOf(name);

  it("runs from the first cell to the last and prints what it says it prints", async () => {
    const printed = await run(cells);
    const wanted = cells.flatMap((c, i) => (c.metadata.faultwright?.prints ?? []).map((pattern) => ({ i, pattern })));
    expect(wanted.length).toBeGreaterThan(0);
    for (const { i, pattern } of wanted) expect(printed[i], `cell ${i}`).toMatch(new RegExp(pattern));
  }, 120_000);

  it("stores no outputs: they would change from run to run", () => {
    expect(cells.filter((c) => c.outputs?.length || c.execution_count)).toEqual([]);
  });

  it("is described in notebooks/README.md", () => {
    expect(readFileSync(join(dir, "README.md"), "utf8")).toContain(name);
  });
});

describe("record-incident", () => {
  it("records the same incident again from the same seed, another from another", async () => {
    const [a, b, c] = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        const temporary = mkdtempSync(join(tmpdir(), "faultwright-record-"));
        try {
          return await record(temporary, seed);
        } finally {
          rmSync(temporary, { recursive: true });
        }
      }),
    );
    expect(b).toEqual(a);
    expect(c!.windowsCsv).not.toBe(a!.windowsCsv);
    expect(a!.incidents.length).toBe(1);
  });
});
