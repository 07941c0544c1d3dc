import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const rows = [
  ...readFileSync(join(root, "docs/recovery.md"), "utf8").matchAll(
    /^\| [^|]+ \| `([^`]+)` \| `(test\/[^`]+\.test\.ts)` \|$/gm,
  ),
].map(([, name, file]) => [file as string, name as string] as const);

it("docs/recovery.md has a table of what goes wrong, and the test that holds", () => {
  expect(rows.length).toBeGreaterThan(15);
});
it.each(rows)("%s has the test that the docs name: %s", (file, name) => {
  expect(readFileSync(join(root, file), "utf8")).toContain(`"${name}"`);
});
