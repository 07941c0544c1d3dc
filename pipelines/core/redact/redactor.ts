/** Takes secrets and personal data out of what is stored, sent on or shown. */
import { RE2JS } from "re2js";
import { PipelineError } from "../errors.ts";
import { findSecrets, type Range, SECRET_KINDS, type SecretKind } from "./find-secrets.ts";
import { redactPayload } from "./payload.ts";
import { secretNames } from "./secret-names.ts";

export interface RedactOptions {
  readonly enabled?: boolean;
  /** Names whose values are secret, besides the usual ones: `internal-id`. Case and separators don't matter. */
  readonly names?: readonly string[];
  /** Regular expressions in RE2 syntax, which takes linear time on any text; every match is taken out. */
  readonly patterns?: readonly string[];
  /** Kinds that may stay. */
  readonly keep?: readonly SecretKind[];
}

export interface Redactor {
  /** The text with each secret replaced by `[redacted]`; the same string where there is none. */
  text(text: string): string;
  /** Values that stand under a secret's name go whole; of others what is secret in them. The same object where there is none. */
  attributes<A extends Readonly<Record<string, string>>>(attributes: A): A;
  /** An undecoded record, with secrets overwritten in place: it stays as long and as readable for its decoder as it was. */
  payload(format: string, bytes: Uint8Array): Uint8Array;
  /** Found so far, by kind. */
  readonly counts: Readonly<Record<SecretKind, number>>;
}

export const REDACTED = "[redacted]";
const FILLED = /\[redacted\.+\]/g;
const MOST_PATTERN_CHARS = 1000;

/** @throws PipelineError CONFIG_INVALID for a pattern that is none, or that matches nothing at all. */
export function redactor({ enabled = true, names = [], patterns = [], keep = [] }: RedactOptions = {}): Redactor {
  const counts: Record<SecretKind, number> = { token: 0, email: 0, card: 0, value: 0, custom: 0 };
  const isSecretName = secretNames(names);
  const custom = patterns.map((pattern, i) => compiled(pattern, `redact.patterns.${i}`));
  const wanted = new Set<SecretKind>(SECRET_KINDS.filter((k) => !keep.includes(k)));
  if (!enabled) return { text: (t) => t, attributes: (a) => a, payload: (_, bytes) => bytes, counts };

  const rangesIn = (text: string): Range[] => {
    let ranges: Range[] = NONE;
    findSecrets(text, { isSecretName }, (start, end, kind) => {
      if (!wanted.has(kind)) return;
      counts[kind]++;
      if (ranges === NONE) ranges = [];
      ranges.push([start, end]);
    });
    if (custom.length === 0) return ranges;
    const own: Range[] = [];
    for (const pattern of custom) {
      const matcher = pattern.matcher(text);
      while (matcher.find())
        if (matcher.end() > matcher.start()) {
          counts.custom++;
          own.push([matcher.start(), matcher.end()]);
        }
    }
    return own.length === 0 ? ranges : joined([...ranges, ...own]);
  };
  const clean = (text: string): string => {
    const plain = text.includes("[redacted.") ? text.replace(FILLED, REDACTED) : text;
    const ranges = rangesIn(plain);
    if (ranges.length === 0) return plain;
    let out = "";
    let from = 0;
    for (const [start, end] of ranges) {
      out += plain.slice(from, start) + REDACTED;
      from = end;
    }
    return out + plain.slice(from);
  };
  const isSecret = (name: string) => wanted.has("value") && isSecretName(name);
  return {
    text: clean,
    attributes(attributes) {
      let out: Record<string, string> | undefined;
      for (const name in attributes) {
        const value = attributes[name] as string;
        const redacted = isSecret(name) && value !== "" ? REDACTED : clean(value);
        if (redacted === value) continue;
        if (redacted === REDACTED && isSecret(name)) counts.value++;
        out ??= { ...attributes };
        out[name] = redacted;
      }
      return (out ?? attributes) as typeof attributes;
    },
    payload: (format, bytes) => redactPayload(format, bytes, { rangesIn, isSecretName: isSecret }),
    counts,
  };
}

const NONE: Range[] = [];

function joined(ranges: Range[]): Range[] {
  ranges.sort(([a], [b]) => a - b);
  const out: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = out.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
}

function compiled(pattern: string, where: string): ReturnType<typeof RE2JS.compile> {
  const fault = (detail: string, cause?: unknown) =>
    new PipelineError("CONFIG_INVALID", where, {
      detail,
      cause,
      hint: "write it in RE2 syntax: no back references, no look-around",
    });
  if (pattern.length > MOST_PATTERN_CHARS) throw fault(`longer than ${MOST_PATTERN_CHARS} characters`);
  try {
    const regexp = RE2JS.compile(pattern);
    if (regexp.matches("")) throw fault("it matches the empty text");
    return regexp;
  } catch (cause) {
    throw cause instanceof PipelineError ? cause : fault((cause as Error).message, cause);
  }
}
