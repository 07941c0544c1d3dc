/** Keys whose text is the message, or says what kind of message it is. */
export const MESSAGE_KEY = /^(?:msg|message|event|evt|action|log|text|body|lvl|level|severity)$/i;
/** Keys whose text is a value beside a message, and the message where there is no other. */
export const ERROR_KEY = /^(?:error|err)$/i;
const TELLS = /^(?:msg|message|event|evt|log|text|body)$/i;
/** Deeper values are cut: JSON.parse and this recursion are bounded by it. */
const DEEPEST = 64;

/**
 * A line that is one JSON object, with keys and message texts kept and every other value made one that is masked. Any
 * other line is given back as it is.
 */
export function jsonLine(line: string): string {
  if (line.charCodeAt(0) !== 123 || line.charCodeAt(line.length - 1) !== 125 || line.charCodeAt(1) !== 34) return line;
  if (deeperThan(line, DEEPEST)) return line;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return line;
  }
  const told = Object.keys(value as object).some((key) => TELLS.test(key));
  return written(value, "", told);
}

function written(value: unknown, key: string, told: boolean): string {
  if (typeof value === "string")
    return MESSAGE_KEY.test(key) || (!told && ERROR_KEY.test(key)) ? JSON.stringify(value) : '"7"';
  if (Array.isArray(value)) return "[7]";
  if (typeof value !== "object" || value === null) return "7";
  const members = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${written(v, k, told)}`);
  return `{${members.join(",")}}`;
}

function deeperThan(line: string, limit: number): boolean {
  let depth = 0;
  for (let i = 0; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (c === 123 || c === 91) {
      if (++depth > limit) return true;
    } else if (c === 125 || c === 93) depth--;
  }
  return false;
}
