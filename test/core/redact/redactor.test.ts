import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { luhn } from "../../../pipelines/core/redact/card-number.ts";
import { REDACTED, redactor } from "../../../pipelines/core/redact/redactor.ts";

const R = REDACTED;
const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

describe("redacted text", () => {
  it.each([
    { what: "a password", text: "login password=hunter2 ok", out: `login password=${R} ok` },
    { what: "a name in any case", text: "DB_PASSWORD: hunter2, next", out: `DB_PASSWORD: ${R}, next` },
    { what: "a quoted value", text: `{"api_key": "a b\tc", "n": 1}`, out: `{"api_key": "${R}", "n": 1}` },
    {
      what: "JSON in a string",
      text: String.raw`body {\"token\":\"x1\"}`,
      out: String.raw`body {\"token\":\"[redacted]\"}`,
    },
    { what: "a query", text: "GET /a?access_token=abc&x=1", out: `GET /a?access_token=${R}&x=1` },
    { what: "a header with a scheme", text: "Authorization: Bearer abc.def", out: `Authorization: Bearer ${R}` },
    { what: "a scheme alone", text: "sent bearer abcdef123456.", out: `sent bearer ${R}.` },
    { what: "all cookies of a line", text: "Cookie: a=b; c=d\nnext", out: `Cookie: ${R}\nnext` },
    { what: "a command line", text: "run --db-password s3cret --force", out: `run --db-password ${R} --force` },
    { what: "a URL's password", text: "postgres://app:s3cr3t@db:5432/x", out: `postgres://app:${R}@db:5432/x` },
    { what: "an address", text: "mail <ann.lee+x@mail.example.org>, gone", out: `mail <${R}>, gone` },
    { what: "a sentence's address", text: "to ann@example.com.", out: `to ${R}.` },
    { what: "a JWT", text: `got ${jwt} now`, out: `got ${R} now` },
    { what: "a cloud key", text: "key AKIAIOSFODNN7EXAMPLE.", out: `key ${R}.` },
    { what: "a forge's token", text: `ghp_${"a1".repeat(18)}`, out: R },
    {
      what: "a private key",
      text: "x -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
      out: `x -----BEGIN RSA PRIVATE KEY-----${R}-----END RSA PRIVATE KEY-----`,
    },
    { what: "a card", text: "card 4111 1111 1111 1111 declined", out: `card ${R} declined` },
    { what: "a card in one piece", text: "pan:378282246310005;", out: `pan:${R};` },
    { what: "two cards", text: "5555555555554444,6011-1111-1111-1117", out: `${R},${R}` },
    { what: "what was overwritten in bytes", text: "a [redacted.....] b", out: `a ${R} b` },
  ])("takes out $what", ({ text, out }) => expect(redactor().text(text)).toBe(out));

  it.each([
    "order 4111111111111112 has no right check digit",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 at 1700000000000000000",
    "at 2024-01-02T03:04:05.678Z took 12 ms, user=ann",
    "Unexpected token } in JSON",
    "tokens: 512, max_tokens=1024, nextToken=abc",
    "password=null, secret: ****, token=[redacted]",
    "git@ nothing @b a@b 1@2.3 @Override",
    "http://host:8080/a@b",
    "sk-learn-is-a-library-with-a-long-name",
    "the bearer walked home",
    "",
  ])("keeps: %s", (text) => expect(redactor().text(text)).toBe(text));

  it("takes out own names and patterns, and keeps kinds it is told to keep", () => {
    const { text, counts } = redactor({ names: ["Badge-No"], patterns: ["CUST-\\d+"], keep: ["email"] });
    expect(text("badge_no=17 a@b.com CUST-99 CUST-1")).toBe(`badge_no=${R} a@b.com ${R} ${R}`);
    expect(counts).toEqual({ token: 0, email: 0, card: 0, value: 1, custom: 2 });
    expect(redactor({ enabled: false }).text("password=x")).toBe("password=x");
  });

  it.each(["(a+)+$", "(x|x)*y", "(?:.*)*="])("matches %s on hostile text in linear time", (pattern) => {
    const { text } = redactor({ patterns: [pattern] });
    const started = performance.now();
    text(`${"a".repeat(20_000)}!`);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it.each([
    "a@",
    ":",
    "=",
    "token=",
    "-----BEGIN ",
    "--password ",
    "4111 ",
    "://a:",
    "Bearer ",
    "eyJ.",
    '"',
    "\\",
    " ",
  ])("takes linear time on a row of %j", (unit) => {
    const { text } = redactor();
    const time = (n: number) => {
      const line = unit.repeat(Math.ceil(n / unit.length));
      const started = performance.now();
      text(line);
      return performance.now() - started;
    };
    time(20_000);
    expect(time(300_000)).toBeLessThan(2000);
  });

  it("changes nothing the second time, and never throws", () => {
    const { text } = redactor();
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom("password=", "token: ", "@", "a@b.com", "4111111111111111", "Bearer ", '"', "\\", "\n", jwt),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = text(pieces.join(""));
        expect(text(once)).toBe(once);
      }),
      { seed: 5, numRuns: 2000 },
    );
  });

  it("finds every card number with a right check digit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (n) => {
        const body = `450000${String(n).padStart(9, "0")}`;
        const last = [..."0123456789"].find((d) => luhn(body + d)) as string;
        expect(redactor().text(`pay ${body}${last} now`)).toBe(`pay ${R} now`);
      }),
      { seed: 6 },
    );
  });
});

describe("redacted attributes", () => {
  it("takes values under a secret's name whole, and secrets out of others", () => {
    const { attributes } = redactor();
    const kept = { a: "b", "user.id": "7" };
    expect(attributes(kept)).toBe(kept);
    expect(attributes({ "http.request.header.cookie": "a b", note: "to a@b.com" })).toEqual({
      "http.request.header.cookie": R,
      note: `to ${R}`,
    });
  });
});

describe("redaction in the config", () => {
  it("says all faults by their path", () => {
    expect(() => parseConfig('redact: { patterns: ["(", "a*", "(?=x)"] }')).toThrow(
      /redact\.patterns\.0.*redact\.patterns\.1.*redact\.patterns\.2/s,
    );
    expect(parseConfig("").redact).toEqual({ enabled: true, names: [], patterns: [], keep: [] });
  });
});
