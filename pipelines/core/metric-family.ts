import type { Direction, Family } from "./records.ts";

/** First match wins; page cache and thread counts move with load and say little. */
const RULES: readonly (readonly [RegExp, Family])[] = [
  [/^telemetry\.age$/, "silence"],
  [/^process\.paused$/, "silence"],
  [/cache|shmem|inactive|paging|threads|open_file|uptime/, "other"],
  [/error|fail|reject|drop|exception|availab|success|status_code|5xx/, "errors"],
  [/pressure/, "other"],
  [/cpu|load_average/, "cpu"],
  [/mem|heap|rss/, "memory"],
  [/lat|duration|delay|response_time|self_time|elapsed|wait/, "latency"],
  [/disk|filesystem|fs_|iops|inode/, "disk"],
  [/net|socket|packet|tcp|udp/, "network"],
  [/rate$|requests|count|throughput|writes|reads|lines|qps|rps/, "traffic"],
];

const families = new Map<string, Family>();

/** What a metric tells of, from its name. Bounded cache; pure. */
export function familyOf(metric: string): Family {
  const known = families.get(metric);
  if (known) return known;
  const lower = metric.toLowerCase();
  const family = RULES.find(([pattern]) => pattern.test(lower))?.[1] ?? "other";
  if (families.size > 10_000) families.clear();
  families.set(metric, family);
  return family;
}

/** True when a move in this direction is good news or none: less latency, fewer errors, less load on a resource. */
export function isBenign(metric: string, direction: Direction): boolean {
  const family = familyOf(metric);
  if (/availab|success/.test(metric.toLowerCase())) return direction === "up";
  if (family === "latency" || family === "errors" || family === "cpu" || family === "memory" || family === "silence")
    return direction === "down";
  if (/free|available|limit/.test(metric.toLowerCase())) return direction === "up";
  if (family === "disk") return direction === "down";
  return false;
}
