import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { detectHeader } from "../../../pipelines/ingest/logs/detect-header.ts";
import { headerFormat } from "../../../pipelines/ingest/logs/header-format.ts";
import { sessionRows } from "../../../pipelines/ingest/logs/session-file.ts";
import { textLines } from "../../../pipelines/ingest/logs/text-lines.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-logs-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe("headerFormat", () => {
  it.each([
    { format: "<Date> <Time> <Content>", line: "2025-01-02  10:00 hello  world", content: "hello  world" },
    { format: "<Date> <Time> <Level> <Component>: <Content>", line: "d t INFO a.b: x: y", content: "x: y" },
    { format: "\\[<Time>\\] <Content>", line: "[10:00] up", content: "up" },
    { format: "<Month> <Day> <Component>(\\[<PID>\\])?: <Content>", line: "Jul 1 sshd[7]: in", content: "in" },
    { format: "<Month> <Day> <Component>(\\[<PID>\\])?: <Content>", line: "Jul 1 kernel: in", content: "in" },
    { format: "<Time>\\|<Pid>\\|<Content>", line: "10|7|a|b", content: "a|b" },
    { format: "<Date> <Time> <Content>", line: "alone", content: "alone" },
    { format: "<Content> at <Time>", line: "up at dawn at 10:00", content: "up" },
  ])("takes the message of '$line' by $format", ({ format, line, content }) => {
    expect(headerFormat(format)(line)).toBe(content);
  });

  it.each(["", "<Date>", "<Content> <Content>", "<Date><Content>", "(<Date> <Content>"])("refuses '%s'", (format) => {
    if (format === "(<Date> <Content>") expect(headerFormat(format)("(a b")).toBe("b");
    else expect(() => headerFormat(format)).toThrow(/CONFIG_INVALID/);
  });

  it("takes a hostile line in bounded time", () => {
    const messageOf = headerFormat("<A> <B>: <C>(\\[<D>\\])? - <E>: <Content>");
    const start = performance.now();
    messageOf("a : [".repeat(4000));
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe("detectHeader", () => {
  const lines = (line: (i: number) => string) => Array.from({ length: 20 }, (_, i) => line(i));
  it.each([
    { kind: "syslog", line: (i: number) => `Jul  ${1 + (i % 9)} 09:00:5${i % 10} host sshd[${i}]: message ${i} done` },
    { kind: "ISO", line: (i: number) => `2025-01-02T10:00:0${i % 10}.123Z INFO message ${i} done` },
    { kind: "Java", line: (i: number) => `2025-01-02 10:00:0${i % 10},123 WARN [main-${i}] a.b.C: message ${i} done` },
    { kind: "bracketed", line: (i: number) => `[2025-01-02 10:00:0${i % 10}] [error] message ${i} done` },
    {
      kind: "macOS",
      line: (i: number) =>
        `Jul  1 09:00:5${i % 10} host-${i % 3} ${i % 2 ? `launchd[${i}] (a.b.${i})` : "kernel[0]"}: message ${i} done`,
    },
    {
      kind: "file name",
      line: (i: number) => `api.log.${i % 2} 2025-01-02 10:00:00.12${i % 10} ${i} INFO a.b [r-${i}] message ${i} done`,
    },
    {
      kind: "flag or a dash",
      line: (i: number) =>
        `${i % 4 ? "-" : "APPREAD"} 111783857${i % 10} 2005.06.03 n-${i} 2005-06-03-15.42.50.67${i % 10} n-${i} RAS APP ${i % 2 ? "INFO" : "FAILURE"} message ${i} done`,
    },
    { kind: "syslog with a priority", line: (i: number) => `<34>Oct 11 22:14:1${i % 10} web app: message ${i} done` },
  ])("finds a $kind header", ({ line }) => {
    const found = detectHeader(lines(line));
    expect(found?.messageOf(line(3))).toBe("message 3 done");
  });

  it("takes off what a line has of the header, and nothing of one without a time", () => {
    const found = detectHeader(lines((i) => `Jul  1 09:00:5${i % 10} host sshd[${i}]: message`));
    expect(found?.messageOf("Jul  1 09:00:59 host last message repeated 2 times")).toBe(
      "last message repeated 2 times",
    );
    expect(found?.messageOf("    at a.b.C(D.java:7)")).toBe("    at a.b.C(D.java:7)");
  });

  it.each([
    { kind: "plain messages", line: (i: number) => `connection ${i} closed` },
    { kind: "messages that begin with a time", line: (i: number) => `10:00:0${i % 10} connection ${i} closed` },
    { kind: "JSON", line: (i: number) => `{"time":"2025-01-02T10:00:00Z","msg":"m ${i}"}` },
    {
      kind: "access logs",
      line: (i: number) => `10.0.0.${i} - - [10/Oct/2000:13:55:36 -0700] "GET /${i} HTTP/1.0" 200 5`,
    },
  ])("leaves $kind whole", ({ line }) => {
    expect(detectHeader(lines(line))).toBeUndefined();
  });
});

describe("textLines", () => {
  const read = async (bytes: Buffer) => {
    const path = join(dir, "in");
    writeFileSync(path, bytes);
    const all: string[] = [];
    for await (const batch of textLines(path)) all.push(...batch);
    return all;
  };
  it.each([
    { what: "no bytes", bytes: Buffer.from(""), lines: [] },
    { what: "a last line without an end", bytes: Buffer.from("a\nb"), lines: ["a", "b"] },
    { what: "empty lines and CRLF", bytes: Buffer.from("a\r\n\r\nb\n"), lines: ["a", "", "b"] },
    { what: "a byte order mark", bytes: Buffer.from("\u{feff}a\n"), lines: ["a"] },
    { what: "gzip", bytes: gzipSync("a\nb\n"), lines: ["a", "b"] },
    { what: "invalid UTF-8", bytes: Buffer.from([0x61, 0xff, 0x0a]), lines: ["a\u{fffd}"] },
  ])("reads $what", async ({ bytes, lines }) => {
    expect(await read(bytes)).toEqual(lines);
  });

  it("keeps lines whole over reads, and the beginning of a very long one", async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i} é`);
    expect(await read(Buffer.from(`${lines.join("\n")}\n`))).toEqual(lines);
    const [long, next] = await read(Buffer.from(`${"x".repeat(3_000_000)}\nnext\n`));
    expect(long?.length).toBeLessThanOrEqual(64 * 1024);
    expect(next).toBe("next");
  });

  it.each([
    { what: "a missing file", path: join(dir, "none"), bytes: undefined },
    { what: "a broken gzip", path: join(dir, "broken.gz"), bytes: gzipSync("abc".repeat(1000)).subarray(0, 20) },
  ])("says SOURCE_UNREADABLE for $what", async ({ path, bytes }) => {
    if (bytes) writeFileSync(path, bytes);
    await expect(async () => {
      for await (const _ of textLines(path));
    }).rejects.toThrow(/SOURCE_UNREADABLE/);
  });
});

describe("sessionRows", () => {
  const read = async (text: string) => {
    const path = join(dir, "sessions.csv");
    writeFileSync(path, text);
    const all = [];
    for await (const rows of sessionRows(path)) all.push(...rows);
    return all;
  };

  it("reads columns by name, quotes and no events", async () => {
    expect(await read('Events,x,SessionId,Label\r\nE1  E2,"a,""b""",s1,1\n,,s2,0\n')).toEqual([
      { id: "s1", events: ["E1", "E2"], label: 1 },
      { id: "s2", events: [], label: 0 },
    ]);
  });

  it.each([
    { text: "", code: "CONFIG_INVALID" },
    { text: "SessionId\ns1\n", code: "CONFIG_INVALID" },
    { text: "SessionId,Events\ns1\n", code: "DECODE_BAD_FIELD" },
    { text: 'SessionId,Events\n"s1,E1\n', code: "DECODE_BAD_FIELD" },
    { text: "SessionId,Events,Label\ns1,E1,maybe\n", code: "DECODE_BAD_FIELD" },
  ])("says $code for '$text'", async ({ text, code }) => {
    await expect(read(text)).rejects.toThrow(new RegExp(code));
  });
});
