/** The structured log: JSON lines, secrets taken out, repeated warnings and errors counted instead of written. */
import { type DestinationStream, type Level, type Logger, pino } from "pino";
import type { Clock } from "../../core/clock.ts";
import { systemClock } from "../../core/clock.ts";
import type { DeadLetter } from "../../core/records.ts";
import { type RepeatsOptions, repeats } from "./repeats.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export interface LogOptions extends Partial<Omit<RepeatsOptions, "clock">> {
  readonly level: string;
  /** Standard error by default. */
  readonly to?: DestinationStream;
  readonly clock?: Clock;
}

export interface Log {
  readonly log: Logger;
  /** Writes the counts of what was held back. */
  close(): void;
}

const HIDDEN = "[hidden]";
const SECRET_KEY = /token|passw|passphrase|secret|authorization|credential|api[-_]?key|private[-_]?key|cookie/i;
/** Names an environment variable or a file, not what is in it. */
const NAME_KEY = /(Env|File)$/;
/** `Bearer xyz`, `Basic xyz`, and the password in `scheme://user:password@host`. */
const SECRET_TEXT = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${HIDDEN}`],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, `$1:${HIDDEN}@`],
  [/\b((?:access_|refresh_|id_)?token|password|secret)(["']?\s*[=:]\s*["']?)[^\s"'&,;]+/gi, `$1$2${HIDDEN}`],
] as const;
const DEPTH = 6;

/** A copy without secrets, by the name of the key and by the look of the text. */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === "string") {
    let text = value;
    for (const [pattern, by] of SECRET_TEXT) text = text.replace(pattern, by);
    return text;
  }
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH) return "[deep]";
  if (value instanceof Error) return redacted(pino.stdSerializers.err(value), depth);
  if (Array.isArray(value)) return value.map((v) => redacted(v, depth + 1));
  const out: Record<string, unknown> = {};
  for (const [key, v] of Object.entries(value))
    out[key] = SECRET_KEY.test(key) && !NAME_KEY.test(key) && v !== undefined ? HIDDEN : redacted(v, depth + 1);
  return out;
}

interface Fields {
  readonly code?: unknown;
  readonly err?: { readonly code?: unknown };
}

/** Lines of one component and text, with the same code, are of one kind. */
export function openLog({ level, to, clock = systemClock, ...limits }: LogOptions): Log {
  const often = repeats({ ...limits, clock });
  const components = new WeakMap<Logger, string>();
  const componentOf = (logger: Logger): string => {
    const name = components.get(logger) ?? String((logger.bindings() as { component?: string }).component);
    components.set(logger, name);
    return name;
  };
  const log = pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }), log: (o) => redacted(o) as Record<string, unknown> },
      hooks: {
        logMethod(args, method, n) {
          const [first, second] = args as readonly unknown[];
          const text = typeof first === "string" ? first : (second as string | undefined);
          const about: Fields =
            first instanceof Error ? { err: first } : typeof first === "object" ? (first ?? {}) : {};
          const clean = text === undefined ? undefined : (redacted(text) as string);
          const write = (fields: object) => method.apply(this, [fields, clean] as unknown as Parameters<typeof method>);
          if (n < pino.levels.values.warn!) return write(about);
          const kind = `${n} ${componentOf(this)} ${text} ${about.code ?? about.err?.code ?? ""}`;
          if (often.pass(kind, (repeated) => write({ ...about, repeated }))) write(about);
        },
      },
    },
    to ?? pino.destination({ fd: 2, sync: true }),
  );
  const timer = setInterval(() => often.flush(), 1000);
  timer.unref();
  return {
    log,
    close() {
      clearInterval(timer);
      often.flush(true);
    },
  };
}

/** One of our parts, named in each of its lines. */
export const componentLog = (log: Logger, component: string): Logger => log.child({ component });

export const isLevel = (text: string): text is Level | "silent" => (LOG_LEVELS as readonly string[]).includes(text);

/** `topic/partition@offset` of a Kafka record; of others the source and where reading goes on after it. */
export function whereOf({ source, position }: Pick<DeadLetter, "source" | "position">): string {
  const offset = /\/\d+$/.test(source) && /^[1-9]\d*$/.test(position) ? String(BigInt(position) - 1n) : position;
  return `${source}@${offset}`;
}
