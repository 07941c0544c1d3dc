import type { Clock } from "../../core/clock.ts";
import type { Attributes } from "../../core/tables.ts";
import { timeLimit } from "../../tolerance/time-limit.ts";

/** What one look at a target said. */
export interface Look {
  readonly healthy: boolean;
  readonly detail: string;
  /** How long its heartbeat is overdue, ms, 0 while it is not; undefined where none is known of. */
  readonly overdueMs?: number | undefined;
}

export interface TargetSourceOptions {
  /** `resource` names the entity that a target is in diagnoses. */
  readonly targets: readonly { readonly name: string; readonly resource: Attributes }[];
  readonly look: (target: string) => Promise<Look>;
  readonly everyMs: number;
  readonly clock: Clock;
  /** False: another process looks. */
  readonly ours: () => boolean;
  /** Something of ours is done with the target: how it looks meanwhile says nothing of it. */
  readonly busy: (target: string) => boolean;
  readonly append: (record: { readonly format: string; readonly value: Uint8Array }) => Promise<unknown>;
  readonly onFailed: (error: Error) => void;
}

interface Seen extends Look {
  readonly resource: Attributes;
  /** It was otherwise at the last look. */
  readonly turned: boolean;
}

const AT_ONCE = 8;
const LEAST_LIMIT_MS = 2000;
const MOST_LIMIT_MS = 10_000;
const SCOPE = { name: "faultwright.targets" };
const ERROR = { severityNumber: 17, severityText: "ERROR" };
const INFO = { severityNumber: 9, severityText: "INFO" };

/**
 * Looks at each target now and then, and makes records of what it saw, of the formats that senders use: they go through
 * journal or intake as all else does, so a replay sees them again without a look at anything. `target.check.error_ratio` is 0
 * or 1, `target.heartbeat.overdue` in seconds; a log line tells of each turn to the worse or the better, in the target's own
 * words. No answer in time counts as one that fails; a target that is busy is left out. At most eight looks at a time, never two
 * at one target; a round that takes longer than `everyMs` leaves the next one out. What is given back ends it.
 */
export function targetSource(options: TargetSourceOptions): () => Promise<void> {
  const { targets, everyMs, clock, append } = options;
  const limited = timeLimit(Math.min(MOST_LIMIT_MS, Math.max(LEAST_LIMIT_MS, everyMs)));
  const last = new Map<string, boolean>();
  let [running, ended] = [false, false];
  let writing: Promise<void> | undefined;

  const lookAt = async ({ name, resource }: (typeof targets)[number]): Promise<Seen | undefined> => {
    if (options.busy(name)) return undefined;
    const seen = await limited
      .execute(() => options.look(name))
      .catch((error: Error) => ({ healthy: false, detail: `it can't be looked at: ${error.message.slice(0, 200)}` }));
    if (options.busy(name)) return undefined; // it began in the middle of the look
    const turned = (last.get(name) ?? true) !== seen.healthy;
    last.set(name, seen.healthy);
    return { ...seen, resource, turned };
  };

  const round = async () => {
    const found: (Seen | undefined)[] = [];
    let next = 0;
    const one = async () => {
      for (let i = next++; i < targets.length; i = next++)
        found[i] = await lookAt(targets[i] as (typeof targets)[number]);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    const seen = found.filter((s) => s !== undefined);
    if (seen.length === 0 || ended) return;
    writing = write(seen, clock.nowMs());
    await writing;
  };
  const write = async (seen: readonly Seen[], timeMs: number) => {
    await append({ format: "otlp-metrics-json", value: bytes(metricsOf(seen, timeMs)) });
    const turned = seen.filter((s) => s.turned);
    if (turned.length > 0) await append({ format: "otlp-logs-json", value: bytes(logsOf(turned, timeMs)) });
  };

  const timer = setInterval(() => {
    if (running || !options.ours()) return;
    running = true;
    round()
      .catch(options.onFailed)
      .finally(() => {
        running = false;
      });
  }, everyMs);
  timer.unref();
  return async () => {
    // A look that hangs is not waited for: nothing comes of it any more.
    ended = true;
    clearInterval(timer);
    await writing?.catch(() => {});
  };
}

const bytes = (value: object) => Buffer.from(JSON.stringify(value));
const attributesOf = (resource: Attributes) =>
  Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } }));
const nanos = (ms: number) => `${Math.round(ms)}000000`;

function metricsOf(seen: readonly Seen[], timeMs: number): object {
  const gauge = (name: string, unit: string, asDouble: number) => ({
    ...{ name, unit },
    gauge: { dataPoints: [{ timeUnixNano: nanos(timeMs), asDouble }] },
  });
  return {
    resourceMetrics: seen.map(({ resource, healthy, overdueMs }) => ({
      resource: { attributes: attributesOf(resource) },
      scopeMetrics: [
        {
          scope: SCOPE,
          metrics: [
            gauge("target.check.error_ratio", "1", healthy ? 0 : 1),
            ...(overdueMs === undefined ? [] : [gauge("target.heartbeat.overdue", "s", overdueMs / 1000)]),
          ],
        },
      ],
    })),
  };
}

function logsOf(turned: readonly Seen[], timeMs: number): object {
  return {
    resourceLogs: turned.map(({ resource, healthy, detail }) => ({
      resource: { attributes: attributesOf(resource) },
      scopeLogs: [
        {
          scope: SCOPE,
          logRecords: [
            {
              ...(healthy ? INFO : ERROR),
              timeUnixNano: nanos(timeMs),
              body: { stringValue: `${healthy ? "healthy again" : "not healthy"}: ${detail}` },
            },
          ],
        },
      ],
    })),
  };
}
