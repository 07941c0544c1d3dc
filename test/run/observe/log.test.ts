import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manualClock } from "../../../pipelines/core/clock.ts";
import { PipelineError } from "../../../pipelines/core/errors.ts";
import type { Store } from "../../../pipelines/core/store.ts";
import { componentLog, openLog, whereOf } from "../../../pipelines/run/observe/log.ts";
import { incidentReports } from "../../../pipelines/run/reports.ts";

function captured(level = "info") {
  const clock = manualClock(1_760_000_000_000);
  const lines: string[] = [];
  const { log, close } = openLog({ level, clock, to: { write: (line: string) => void lines.push(line) } });
  return { clock, log, close, lines, parsed: () => lines.map((l) => JSON.parse(l) as Record<string, unknown>) };
}

describe("the log", () => {
  it("is one JSON object a line, with level, time and component", () => {
    const { log, parsed } = captured();
    componentLog(log, "server").info({ url: "http://127.0.0.1:1" }, "listening");
    componentLog(log, "server").debug("not asked for");
    expect(parsed()).toEqual([
      { level: "info", time: expect.any(Number), component: "server", url: "http://127.0.0.1:1", msg: "listening" },
    ]);
  });

  it.each([
    { what: "a key", fields: { token: "s3cr3t-value" } },
    { what: "a key in the depth", fields: { config: { sasl: { password: "s3cr3t-value" } } } },
    { what: "a header", fields: { headers: { authorization: "Bearer s3cr3t-value" } } },
    { what: "an error's text", fields: { err: new Error("refused: Authorization: Bearer s3cr3t-value") } },
    { what: "an error's own fields", fields: { err: Object.assign(new Error("no"), { apiKey: "s3cr3t-value" }) } },
    { what: "an error's cause", fields: { err: new Error("no", { cause: new Error("password=s3cr3t-value") }) } },
    { what: "an address", fields: { url: "https://user:s3cr3t-value@host/path" } },
    { what: "a list", fields: { list: [{ clientSecret: "s3cr3t-value" }] } },
    { what: "a query", fields: { url: "http://host/x?access_token=s3cr3t-value&a=1" } },
  ])("hides a secret in $what", ({ fields }) => {
    const { log, lines } = captured();
    log.error(fields, "it went wrong with Bearer s3cr3t-value");
    expect(lines.join("")).toContain("[hidden]");
    expect(lines.join("")).not.toContain("s3cr3t");
    expect(lines.join("")).toContain("it went wrong");
  });

  it("still names the variables that hold secrets", () => {
    const { log, parsed } = captured();
    log.info({ passwordEnv: "KAFKA_PASSWORD", keyFile: "/etc/key.pem" }, "sasl");
    expect(parsed()[0]).toMatchObject({ passwordEnv: "KAFKA_PASSWORD", keyFile: "/etc/key.pem" });
  });

  it("writes few lines for a million bad records, and none is left out of the count", async () => {
    const { clock, log, close, parsed } = captured();
    const dataDir = mkdtempSync(join(tmpdir(), "faultwright-log-"));
    try {
      const { onCommitted } = await incidentReports({ store: {} as Store, clock, log, dataDir });
      const letters = Array.from({ length: 1000 }, (_, i) => ({
        topic: "dead-letters" as const,
        key: "k",
        value: JSON.stringify({
          source: "orders/3",
          position: String(i + 1),
          reasons: [{ code: i % 2 === 0 ? "DECODE_BAD_JSON" : "DECODE_BAD_FIELD", detail: "broken", rows: 1 }],
          rows: 1,
          ingestTimeMs: 0,
        }),
      }));
      // A million over a hundred seconds.
      for (let i = 0; i < 1000; i++) {
        await onCommitted(letters);
        clock.advance(100);
      }
      close();
      const lines = parsed();
      // Two kinds: five lines each, a summary each ten seconds, the rest at the end.
      expect(lines.length).toBeLessThanOrEqual(2 * (5 + 11));
      expect(lines[0]).toMatchObject({
        level: "warn",
        where: "orders/3@0",
        code: "DECODE_BAD_JSON",
        component: "outputs",
      });
      const told = (code: string) =>
        lines.filter((l) => l.code === code).reduce((sum, l) => sum + Number(l.repeated ?? 1), 0);
      expect(told("DECODE_BAD_JSON")).toBe(500_000);
      expect(told("DECODE_BAD_FIELD")).toBe(500_000);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }, 60_000);

  it("counts repeated errors by their code, and writes again what was quiet for a while", () => {
    const { clock, log, parsed } = captured();
    const fail = (code: "KAFKA_FAILED" | "STORE_FAILED") =>
      log.error({ err: new PipelineError(code, "here") }, "not stored");
    for (let i = 0; i < 100; i++) fail("KAFKA_FAILED");
    fail("STORE_FAILED");
    expect(parsed().length).toBe(6);
    clock.advance(10_000);
    fail("KAFKA_FAILED");
    expect(parsed().at(-1)).toMatchObject({ repeated: 96 });
    clock.advance(10_000);
    fail("KAFKA_FAILED");
    expect(parsed().at(-1)).not.toHaveProperty("repeated");
  });

  it.each([
    ["orders/3", "18", "orders/3@17"],
    ["signals", "4096", "signals@4096"],
    ["orders/3", "", "orders/3@"],
  ])("says where a record of %s is", (source, position, where) => {
    expect(whereOf({ source, position })).toBe(where);
  });
});
