import { familyOf } from "../core/metric-family.ts";
import type { Series } from "../core/tables.ts";

const MIB = 1024 * 1024;

/**
 * The least deviation worth anybody's attention, in the unit of the series: 5 ms of latency, 5 points of an error ratio,
 * 5 % of a core, 16 MiB of memory. It stands in for the spread of a series that hardly moves, so that the first
 * odd byte is not a thousand standard deviations. Judgement, not measurement: config `detect.floors` overrides by metric.
 */
export function floorOf(
  series: Pick<Series, "metric" | "unit">,
  overrides: Readonly<Record<string, number>> = {},
): number {
  const own = overrides[series.metric];
  if (own !== undefined && own > 0) return own;
  const { metric, unit } = series;
  const perSecond = unit.endsWith("/s");
  switch (familyOf(metric)) {
    case "silence":
      return 1;
    case "latency":
      return unit === "s" ? 0.005 : unit === "us" ? 5000 : unit === "ns" ? 5e6 : 5;
    case "errors":
      return perSecond || !/ratio|utili[sz]ation/.test(metric) ? 0.5 : 0.05;
    case "traffic":
      return unit.startsWith("By") ? MIB : 1;
    case "cpu":
      return /load/.test(metric) ? 0.5 : perSecond ? 0.05 : 0.05;
    case "memory":
      return unit.startsWith("By") ? 16 * MIB : 0.03;
    case "disk":
      return unit.startsWith("By") ? MIB : /utili[sz]ation/.test(metric) ? 0.02 : 5;
    case "network":
      return unit.startsWith("By") ? MIB / 4 : 50;
    default:
      return unit.startsWith("By") ? 4 * MIB : 1e-9;
  }
}
