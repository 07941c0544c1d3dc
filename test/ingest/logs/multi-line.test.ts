import { describe, expect, it } from "vitest";
import { joinedLines } from "../../../pipelines/ingest/logs/multi-line.ts";

describe("messages of several lines", () => {
  it.each([
    {
      what: "a Java trace",
      lines: ["ERROR x", "\tat a.b(C.java:1)", "\t... 3 more", "Caused by: y", "\tat d.e(F.java:2)"],
      rest: ["INFO done"],
    },
    {
      what: "a Python trace",
      lines: [
        "ERROR x",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "    g()",
        "a.b.Error: why",
      ],
      rest: ["done: fine", "b"],
    },
    {
      what: "a chain of Python traces",
      lines: ["Traceback (most recent call last):", '  File "a.py", line 1', "KeyError: 1"],
      rest: ["next message"],
    },
    {
      what: "a Go panic",
      lines: ["panic: boom", "", "goroutine 1 [running]:", "main.main()", "\t/a/b.go:7 +0x1d", "exit status 2"],
      rest: ["started"],
    },
    { what: "an indented block", lines: ["config:", "  a: 1", "\tb"], rest: ["c"] },
    { what: "an indented first line", lines: ["  at the beginning"], rest: ["a"] },
  ])("join $what", ({ lines, rest }) => {
    expect([...joinedLines([...lines, ...rest])]).toEqual([lines.join("\n"), ...rest]);
  });

  it("keep single lines as they are, also empty ones", () => {
    const lines = ["a", "", " b", "Error: c", "at d", "e"];
    expect([...joinedLines(lines)]).toEqual(lines);
    expect([...joinedLines([])]).toEqual([]);
  });

  it("end after a thousand lines", () => {
    const lines = Array.from({ length: 2500 }, () => "  x");
    expect([...joinedLines(lines)].map((m) => m.split("\n").length)).toEqual([1000, 1000, 500]);
  });
});
