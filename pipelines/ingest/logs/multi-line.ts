/** Which lines of a log belong to the message of the line before: stack traces and indented blocks. */

/** Tells line by line, in order, whether it continues the message before it. Constant memory, O(line start). */
export type Continues = (line: string) => boolean;

const INDENTED = /^(?:\t| {2,})[^\s]/;
/** Of the JVM, .NET and JavaScript, below the first line of a trace. */
const TRACE = /^(?:\s+at |\s*\.{3} \d+ (?:more|common frames)|Caused by: |\s*Suppressed: |\s*--- End of )/;
const PYTHON = /^Traceback \(most recent call last\):/;
/** The line that ends a Python trace: `pkg.Error: why`, or the name alone. */
const PYTHON_END = /^[A-Za-z_][\w.]{0,200}(?:: |$)/;
const PYTHON_LINK = /^(?:During handling of the above exception|The above exception was the direct cause)/;
const GO = /^(?:panic: |fatal error: )/;
const GO_PART = /^(?:goroutine \d+ \[|\[signal |created by |exit status \d)|^[\w./*()-]{1,300}\(.{0,300}\)$/;
/** Lines that one message can have: a file of indented text is not one message. */
const MOST_LINES = 1000;

/**
 * `continuation`: further lines that continue, besides traces and lines that are indented by a tab or two spaces.
 * A trace that begins in the place of a message is one message of its own.
 */
export function multiLine(continuation?: RegExp): Continues {
  let inside: "python" | "go" | "" = "";
  let lines = 0;
  let blank = false;
  const next = (line: string): boolean => {
    if (lines === 0) return false;
    if (PYTHON.test(line)) {
      // Directly below a message it is that message's trace, or the next one of a chain.
      inside = "python";
      return true;
    }
    if (inside === "python") {
      if (INDENTED.test(line)) return true;
      if (line.trim() === "" || PYTHON_LINK.test(line)) {
        blank = true;
        return true;
      }
      inside = "";
      return !blank && PYTHON_END.test(line);
    }
    if (inside === "go" && (line === "" || INDENTED.test(line) || GO_PART.test(line))) return true;
    inside = "";
    return INDENTED.test(line) || TRACE.test(line) || continuation?.test(line) === true;
  };
  return (line) => {
    const continues = lines < MOST_LINES && next(line);
    if (!continues || !blankOrLink(line)) blank = false;
    lines = continues ? lines + 1 : 1;
    if (!continues) inside = PYTHON.test(line) ? "python" : GO.test(line) ? "go" : "";
    return continues;
  };
}

const blankOrLink = (line: string): boolean => line.trim() === "" || PYTHON_LINK.test(line);

/** Messages of one or more lines, `\n` between. */
export function* joinedLines(lines: Iterable<string>, continues = multiLine()): Generator<string> {
  let held: string[] | undefined;
  for (const line of lines)
    if (continues(line) && held) held.push(line);
    else {
      if (held) yield held.join("\n");
      held = [line];
    }
  if (held) yield held.join("\n");
}
