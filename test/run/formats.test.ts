import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseConfig } from "../../pipelines/core/config.ts";
import { decodersOf, fileOptions, resolveFormats } from "../../pipelines/run/formats.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-formats-"));
afterAll(() => rmSync(dir, { recursive: true }));
const mapping = "{columns: [t, v], time: t, values: [v]}";

describe("formats of a config", () => {
  it("gives every topic and files source with a mapping a decoder of its own", () => {
    const config = parseConfig(`sources:
  - {kind: kafka, brokers: ['b:9092'], topics: [{name: a, format: json, mapping: {body: m}}, {name: b, format: json, mapping: {body: n}}, {name: c}]}
  - {kind: files, paths: [x.dat, y.dat], format: csv, mapping: ${mapping}}`);
    expect(Object.keys(decodersOf(config)).filter((name) => name.includes(":"))).toEqual([
      "json:a",
      "json:b",
      "csv:files-1",
    ]);
    const [, files] = config.sources;
    expect(fileOptions(files as never, 1)).toEqual(
      ["x.dat", "y.dat"].map((path) => ({ path, format: "csv:files-1", header: false })),
    );
  });

  it("names every format that nothing reads, at once", () => {
    const config = parseConfig(
      "sources: [{kind: kafka, brokers: ['b:9092'], topics: [{name: a, format: x}, {name: b, format: y}]}]",
    );
    expect(() => decodersOf(config)).toThrow(/no decoder x[\s\S]*no decoder y/);
  });

  it("refuses binary formats for files", () => {
    const { sources } = parseConfig("sources: [{kind: files, paths: [a], format: otlp-logs-proto}]");
    expect(() => fileOptions(sources[0] as never, 0)).toThrow(/no lines/);
  });

  it("tells the format of files from their beginning", async () => {
    const file = (name: string, text: string) => {
      writeFileSync(join(dir, name), text);
      return parseConfig(`sources: [{kind: files, paths: [${join(dir, name)}], format: auto}]`);
    };
    const found: string[] = [];
    const told = (config: ReturnType<typeof parseConfig>) =>
      resolveFormats(config, (_, f) => void found.push(f.format));
    expect((await told(file("a.log", "cpu,host=a v=1 1700000000000000000\n"))).sources[0]).toMatchObject({
      format: "influx",
    });
    expect((await told(file("b.txt", "timestamp,v\n1700000000,1\n"))).sources[0]).toMatchObject({ format: "csv" });
    expect(found).toEqual(["influx", "csv"]);
    await expect(told(file("c.log", "just text\n"))).rejects.toThrow(/perhaps text/);
    await expect(told(file("d.log", ""))).rejects.toThrow(/nothing there/);
  });
});
