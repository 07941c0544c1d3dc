import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PipelineError } from "../../../pipelines/core/errors.ts";
import { type DecoderName, decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { requests } from "./arbitraries.ts";
import { encode } from "./otlp-proto.ts";
import { decode } from "./rows.ts";

const names = Object.keys(decoders) as DecoderName[];
const run = { interruptAfterTimeLimit: 1500, numRuns: 3000, markInterruptAsFailure: false };

/** Decodes; anything thrown but PipelineError fails the test. Gives the error's code. */
function code(name: DecoderName, bytes: Uint8Array): string | undefined {
  try {
    decode(name, bytes);
    return undefined;
  } catch (e) {
    if (!(e instanceof PipelineError)) throw e;
    expect(e.where).toBe("file:/data/web-1.csv@7");
    return e.code;
  }
}

describe("bad bytes", () => {
  it.each(names)("%s survives random bytes", (name) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (b) => void code(name, b)),
      run,
    );
  });

  for (const signal of ["metrics", "logs", "traces"] as const) {
    it(`${signal}: cut-off and flipped bits`, () => {
      const cut = fc.tuple(requests[signal] as fc.Arbitrary<object>, fc.nat(), fc.nat(7));
      fc.assert(
        fc.property(cut, ([request, at, bit]) => {
          for (const [name, bytes] of [
            [`otlp-${signal}-proto`, encode(signal, request)],
            [`otlp-${signal}-json`, Buffer.from(JSON.stringify(request))],
          ] as const) {
            if (bytes.length === 0) continue;
            code(name, bytes.subarray(0, at % bytes.length));
            const flipped = Uint8Array.from(bytes);
            flipped[at % bytes.length]! ^= 1 << bit;
            code(name, flipped);
          }
        }),
        run,
      );
    });
  }

  it.each([
    ["length past the end", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["varint of 11 bytes", [...Array(10).fill(0x80), 1]],
    ["field 0", [0]],
    ["stray group end", [0x0c]],
    ["deep groups", Array(5000).fill(0x0b)],
    ["cut-off fixed64", [0x09, 1, 2]],
  ])("refuses %s", (_, bytes) => {
    expect(code("otlp-metrics-proto", Uint8Array.from(bytes as number[]))).toBe("DECODE_BAD_PROTOBUF");
  });

  it("refuses values that nest too deep", () => {
    let value: object = { stringValue: "x" };
    for (let i = 0; i < 40; i++) value = { arrayValue: { values: [value] } };
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: value }] }] }] };
    expect(code("otlp-logs-proto", encode("logs", request))).toBe("DECODE_BAD_PROTOBUF");
    expect(decode("otlp-logs-json", JSON.stringify(request)).rejected).toMatchObject([{ code: "DECODE_BAD_FIELD" }]);
    const deep = `{"msg":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    expect(decode("jsonl", deep).rejected).toHaveLength(1);
  });
});
