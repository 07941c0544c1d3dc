import type { Direction, Family } from "./records.ts";

/** First match wins; page cache and thread counts move with load and say little. */
const RULES: readonly (readonly [RegExp, Family])[] = [
  [/^telemetry\.age$/, "silence"],
  [/^process\.paused$/, "silence"],
  [/^target\.heartbeat\.overdue$/, "silence"],
  [/cache|page_?fault|shmem|inactive|paging|threads|open_file|uptime|schedstat|sockstat/, "other"],
  [/mem\w*_fail/, "memory"],
  [/error|fail|reject|drop|exception|status_code|5xx/, "errors"],
  [/pressure/, "other"],
  [/cpu|load_average|(^|[._-])load(1|5|15)m?$/, "cpu"],
  [/mem|heap|rss/, "memory"],
  [
    /(^|[._-])lat($|[._-])|latenc|duration|delay|response_time|self_time|elapsed|wait|(^|[._-])m?rt($|[._-])/,
    "latency",
  ],
  [/disk|filesystem|fs_|iops|inode|syscall/, "disk"],
  [/availab|success|(^|[._-])[sr]r$/, "errors"],
  [/net|socket|packet|tcp|udp/, "network"],
  [/rate$|requests|count|throughput|writes|reads|lines|[qrt]ps$|workload|(^|[._-])loa?d$/, "traffic"],
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

/**
 * The direction in which a move is good news or none, 1 up, -1 down: less latency, fewer errors, less load on a
 * resource, more of it free. 0: either may be bad.
 */
export function benignDirection(metric: string): -1 | 0 | 1 {
  const lower = metric.toLowerCase();
  const family = familyOf(metric);
  if (family === "errors") return /availab|success|(^|[._-])[sr]r$/.test(lower) ? 1 : -1;
  if (/free|avail|idle|limit/.test(lower)) return 1;
  return family === "latency" || family === "cpu" || family === "memory" || family === "silence" || family === "disk"
    ? -1
    : 0;
}

export function isBenign(metric: string, direction: Direction): boolean {
  return benignDirection(metric) === (direction === "up" ? 1 : -1);
}
