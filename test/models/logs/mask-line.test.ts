import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonLine } from "../../../models/logs/json-line.ts";
import { logfmtLine } from "../../../models/logs/logfmt-line.ts";
import { maskLine } from "../../../models/logs/mask-line.ts";

describe("maskLine", () => {
  it.each([
    { what: "numbers", line: "sent 42 of -7.5 done", masked: "sent <*> of <*> done" },
    { what: "numbers with units", line: "took 35ms, 1.5K and 5m30s", masked: "took <*>, <*> and <*>" },
    { what: "the number in a name only", line: "node-17 on eth0", masked: "node-<*> on eth<*>" },
    { what: "ids whole", line: "blk_-160899 and attempt_14_0001_m_3", masked: "<*> and <*>" },
    { what: "hex of six characters or more", line: "commit 9f4ef63 at 0x7fed", masked: "commit <*> at <*>" },
    { what: "UUIDs", line: "req 38101a0b-2096-447d-96ea-a692162415ae", masked: "req <*>" },
    { what: "paths to their end", line: "open /var/log/app(1).log: denied", masked: "open <*>: denied" },
    { what: "URLs", line: "GET https://a.example/x?y=1, ok", masked: "GET <*>, ok" },
    { what: "values of key=value", line: "user=bob, id=7 (uid=0)", masked: "user=<*>, id=<*> (uid=<*>)" },
    { what: "times and addresses with colons", line: "at 12:30:01 from fe80:0:0:1", masked: "at <*> from <*>" },
    { what: "keywords for no value", line: "ok true null nullable", masked: "ok <*> <*> nullable" },
    { what: "lists of ids in one piece", line: "on a1,b2,c3 now", masked: "on <*> now" },
    { what: "words not at all", line: "VM Started", masked: "VM Started" },
  ])("masks $what", ({ line, masked }) => {
    expect(maskLine(line).join(" ")).toBe(masked);
  });

  it("never throws and gives no white space within a piece", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (line) => {
        for (const piece of maskLine(line)) expect(piece).not.toMatch(/[\0-\x20]/);
      }),
    );
  });
});

describe("structured lines", () => {
  it.each([
    { line: '{"msg":"order placed","id":"x","n":3,"l":[1]}', shown: '{"msg":"order placed","id":"7","n":7,"l":[7]}' },
    { line: '{"msg":"cut', shown: '{"msg":"cut' },
    { line: "{not json}", shown: "{not json}" },
  ])("keep keys and messages of JSON: $line", ({ line, shown }) => {
    expect(jsonLine(line)).toBe(shown);
  });

  it("survive JSON nested a thousand deep", () => {
    const line = `{"a":${"[".repeat(1000)}${"]".repeat(1000)}}`;
    expect(jsonLine(line)).toBe(line);
  });

  it.each([
    { line: 'msg="disk full" path="a b" n=3', shown: 'msg="disk full" path="7" n=3' },
    { line: 'said x="a b"', shown: 'said x="a b"' },
  ])("keep messages of logfmt: $line", ({ line, shown }) => {
    expect(logfmtLine(line)).toBe(shown);
  });
});
