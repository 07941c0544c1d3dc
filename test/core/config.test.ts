import { describe, expect, it } from "vitest";
import { configJsonSchema, parseConfig } from "../../pipelines/core/config.ts";

describe("config", () => {
  it("has a default for everything", () => {
    const c = parseConfig("");
    expect(c.sources).toEqual([expect.objectContaining({ kind: "otlp-http", port: 4318 })]);
    expect(c.recover.dryRun).toBe(true);
    expect(c.windows.window).toBe(10_000);
  });

  it("names all faults at once, each by its path", () => {
    const text =
      "windows: {window: 5 minutes}\nsources: [{kind: telepathy}]\nrecover: {targets: [{name: 3}]}\nnonsense: 1\n";
    expect(() => parseConfig(text, "f.yaml")).toThrow(
      expect.objectContaining({
        code: "CONFIG_INVALID",
        message: expect.stringMatching(/windows\.window[\s\S]*/),
      }),
    );
    try {
      parseConfig(text, "f.yaml");
    } catch (e) {
      for (const path of ["windows.window", "sources.0", "recover.targets.0.name", "nonsense"])
        expect((e as Error).message).toContain(path);
    }
  });

  it.each([
    ["500ms", 500],
    ["5s", 5000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
  ])("reads %s as %i ms", (text, ms) => {
    expect(parseConfig(`windows: {window: ${text}}`).windows.window).toBe(ms);
  });

  it("a topic's format is told by itself unless named; a mapping goes with json and csv", () => {
    const kafka = (topic: string) =>
      parseConfig(`sources: [{kind: kafka, brokers: ["b:9092"], topics: [${topic}]}]`).sources[0];
    expect(kafka("{name: t}")).toMatchObject({ topics: [{ name: "t", format: "auto" }] });
    expect(kafka("{name: t, format: csv, mapping: {values: [{path: v, kind: counter}]}}")).toMatchObject({
      topics: [{ mapping: { timeUnit: "auto", values: [{ path: "v", kind: "counter", unit: "" }] } }],
    });
    for (const [bad, where] of [
      ["{name: t, format: json}", "topics.0.mapping"],
      ["{name: t, format: influx, mapping: {body: m}}", "topics.0.mapping"],
      ["{name: t, mapping: {body: m}}", "topics.0.mapping"],
      ["{name: t, format: json, mapping: {time: ts}}", "name what a row holds"],
      ["{name: t, format: json, mapping: {body: m, timeUnit: h}}", "timeUnit"],
    ] as const)
      expect(() => kafka(bad)).toThrow(where);
    const files = "kind: files, paths: [a.log]";
    expect(parseConfig(`sources: [{${files}, format: text}]`).sources[0]).toMatchObject({ format: "text" });
    expect(() => parseConfig(`sources: [{${files}, mapping: {body: m}}]`)).toThrow("sources.0.mapping");
  });

  it.each([
    ['use: {kind: postgres, data: /d, backups: /b, archive: "/a$(rm -rf ~)"}', "targets.0.use.archive"],
    [
      "use: {kind: command, actions: {x: {effect: e, run: 'rm -rf /'}}, version: [v], health: {kind: tcp, port: 1}}",
      "run",
    ],
    ["use: {kind: files, link: ../x, snapshots: /s}", "targets.0.use.link"],
    ["use: {kind: child, command: []}", "targets.0.use.command"],
    ["use: {kind: child, command: [a], health: {kind: http, url: 'file:///etc/passwd'}}", "health.url"],
    ["use: {kind: shell}", "targets.0.use"],
  ])("refuses as a target %s", (use, where) => {
    expect(() => parseConfig(`recover: {targets: [{name: t, ${use}}]}`)).toThrow(where);
  });

  it("reads policy, ladder and targets of recovery; a target is a service of the supervisor unless it says more", () => {
    const { recover } = parseConfig(
      "recover: {targets: [{name: a}], ladder: [restart], policy: [{change: {kind: deploy, within: 5m}, action: rollback}]}",
    );
    expect(recover.targets[0]?.use).toEqual({ kind: "supervisor" });
    expect(recover.policy).toEqual([{ change: { kind: "deploy", withinMs: 300_000 }, action: "rollback" }]);
    expect(recover.ladder).toEqual(["restart"]);
  });

  it("refuses broken YAML and gives a schema editors can use", () => {
    expect(() => parseConfig("a: [")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(JSON.stringify(configJsonSchema())).toContain("otlp-http");
  });
});
