/** The docs' examples: `UPDATE=1 npx vitest run test/ingest/decoders/docs.test.ts` writes the rows anew, to be read before committing. */
import { describe, expect, it } from "vitest";
import { decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { examplesOf, rowsText } from "./examples.ts";

const examples = examplesOf(process.env.UPDATE === "1");

describe("docs/formats.md", () => {
  it.each(examples.map((e, i) => [`${e.topic.format} (${i})`, e] as const))("%s gives the rows it shows", (_, e) => {
    expect(rowsText(e)).toBe(e.rows);
    expect(e.rows).toMatch(/./);
    expect(e.rows).not.toContain("rejected");
  });

  it("has an example of every format", () => {
    const shown = new Set(examples.map((e) => e.topic.format));
    expect(Object.keys(decoders).filter((name) => !shown.has(name))).toEqual([]);
    expect(examples.filter((e) => e.topic.mapping).map((e) => e.topic.format)).toEqual(["json", "csv"]);
  });
});
