import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { redactor } from "../../../pipelines/core/redact/redactor.ts";
import { SignalSink } from "../../../pipelines/core/signals.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { assemble } from "../../../pipelines/run/assemble.ts";
import { encode } from "../../ingest/decoders/otlp-proto.ts";

const T = 1_760_000_000_000;
const NANOS = String(BigInt(T) * 1_000_000n);
const SECRETS = ["hunter2hunter2", "ann@example.com", "4111111111111111", "s3cr3t-c00kie", "AKIAIOSFODNN7EXAMPLE"];
const text = (stringValue: string) => ({ stringValue });
const logs = {
  resourceLogs: [
    {
      resource: {
        attributes: [
          { key: "service.name", value: text("mail@pay.example") },
          { key: "process.command_line", value: text("app --password hunter2hunter2") },
        ],
      },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: NANOS,
              severityNumber: 17,
              traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
              body: text('mail "to" ann@example.com\nfailed, key\tAKIAIOSFODNN7EXAMPLE é'),
              attributes: [
                { key: "cookie", value: text("s3cr3t-c00kie") },
                { key: "tags", value: { arrayValue: { values: [text("card 4111111111111111")] } } },
                { key: "n", value: { intValue: "12" } },
              ],
            },
          ],
        },
      ],
    },
  ],
};

const rows = (format: string, value: Uint8Array) => {
  const sink = new SignalSink(new Tables(), undefined, redactor({ enabled: false }));
  const record = { source: "s", position: "0", ingestTimeMs: T, format, value };
  sink.begin(record);
  decoders[format as keyof typeof decoders].decode(record, sink);
  return { sink, n: sink.logs.length, body: sink.logs.body[0], attributes: sink.logs.attributes[0] };
};

describe("redacted payload", () => {
  it("knows an attribute by its name where its value stands before it", () => {
    const whole = Buffer.from(encode("logs", logs));
    const key = Buffer.from("\x0a\x06cookie");
    const value = Buffer.from("\x12\x0f\x0a\x0ds3cr3t-c00kie");
    const at = whole.indexOf(Buffer.concat([key, value]));
    expect(at).toBeGreaterThan(0);
    Buffer.concat([value, key]).copy(whole, at);
    expect(rows("otlp-logs-proto", whole).attributes).toMatchObject({ cookie: "s3cr3t-c00kie" });
    expect(Buffer.from(redactor().payload("otlp-logs-proto", whole)).includes("s3cr3t-c00kie")).toBe(false);
  });

  it.each([
    { format: "otlp-logs-proto", value: Buffer.from(encode("logs", logs)) },
    { format: "otlp-logs-json", value: Buffer.from(JSON.stringify(logs)) },
    { format: "otlp-logs-json", value: Buffer.from(JSON.stringify(logs, null, 2)) },
  ])("of $format is as long, decodes to the same rows, and holds no secret", ({ format, value }) => {
    const before = Buffer.from(value);
    const after = Buffer.from(redactor().payload(format, value));
    expect(value.equals(before)).toBe(true);
    expect(after.length).toBe(value.length);
    for (const secret of SECRETS) expect(after.includes(secret), secret).toBe(false);
    const { sink, n, body, attributes } = rows(format, after);
    expect(n).toBe(1);
    expect(sink.logs.timeMs[0]).toBe(T);
    expect(sink.logs.traceId[0]).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
    expect(sink.tables.entities[0]?.name).toBe("mail@pay.example");
    expect(body).toBe('mail "to" [redacted.....]\nfailed, key\t[redacted..........] é');
    expect(attributes?.n).toBe("12");
  });

  it.each([
    [
      "JSON lines",
      '{"password": 12345678, "n": 1}\n{"a":"b","m":"x@y.org"}',
      '{"password": 11111111, "n": 1}\n{"a":"b","m":"*******"}',
    ],
    [
      "a JSON string in a string",
      String.raw`{"m":"{\"token\":\"abcdefghij\"}"}`,
      String.raw`{"m":"{\"token\":\"[redacted]\"}"}`,
    ],
    ["a text that begins as JSON does", "[INFO] password=abcdefghij k", "[INFO] password=[redacted] k"],
    ["JSON that ends too soon", '{"a":"token=abcdefghij', '{"a":"token=[redacted]'],
    ["plain text", "secret: abc", "secret: ***"],
  ])("of %s stays readable", (_, value, out) => {
    expect(Buffer.from(redactor().payload("jsonl", Buffer.from(value))).toString()).toBe(out);
  });

  it("is the same array where there is nothing to take out", () => {
    const value = Buffer.from('{"a":1}');
    expect(redactor().payload("jsonl", value)).toBe(value);
  });

  it.each([
    Buffer.alloc(500, 0x0a),
    Buffer.alloc(500, 0xff),
    Buffer.from("password=abcdefghij"),
    Buffer.from([10, 5, 1]),
  ])("of broken protobuf is looked through as text (%#)", (value) => {
    const after = Buffer.from(redactor().payload("otlp-logs-proto", value));
    expect(after.length).toBe(value.length);
    expect(after.includes("abcdefghij")).toBe(false);
  });
});

describe("the features stage", () => {
  it.each([
    { format: "otlp-logs-proto", value: Buffer.from(encode("logs", logs)) },
    { format: "otlp-logs-json", value: Buffer.from(JSON.stringify(logs)) },
    { format: "otlp-logs-json", value: Buffer.from(`${JSON.stringify(logs)}!`) },
    {
      format: "text",
      value: Buffer.from(`error: password=hunter2hunter2 ${SECRETS.slice(1, 3).join(" ")} AKIAIOSFODNN7EXAMPLE`),
    },
  ])("keeps and gives out no secret of a record in $format (%#)", ({ format, value }) => {
    const stage = assemble(parseConfig("")).features;
    const out: string[] = [];
    const box = {
      emit: (_: string, __: string, record: unknown) => {
        const { payload = "" } = record as { payload?: string };
        out.push(JSON.stringify(record), Buffer.from(payload, "base64").toString());
      },
      send: (message: unknown) => void out.push(JSON.stringify(message)),
    };
    stage.process({ source: "s", position: "1", ingestTimeMs: T, format, value }, box);
    stage.snapshot((_, bytes) => void (bytes && out.push(Buffer.from(bytes).toString())));
    stage.process({ endOf: "" }, box);
    const all = out.join("\n");
    expect(all).not.toBe("");
    for (const secret of SECRETS) expect(all.includes(secret), secret).toBe(false);
  });
});
