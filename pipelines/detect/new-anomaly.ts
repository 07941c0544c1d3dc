import { createHash } from "node:crypto";
import { clampValue } from "../../models/statistical/scale.ts";
import { familyOf } from "../core/metric-family.ts";
import type { Anomaly } from "../core/records.ts";
import { seriesName, type Tables } from "../core/tables.ts";
import { reason } from "./reason.ts";
import type { WhenExpected } from "./season-words.ts";

export interface Finding extends Pick<Anomaly, "startMs" | "detectedMs" | "value" | "p" | "evidence" | "detectors"> {
  readonly seriesId: number;
  /** What is judged, of the entity: by default the series. With the start it makes the id. */
  readonly about?: string;
  readonly expected: number;
  /** Half of the band, in the unit of the series. */
  readonly width: number;
  readonly when?: WhenExpected;
}

/** An anomaly that opens, or was found to be stronger: the same entity, subject and start give the same id. */
export function newAnomaly(tables: Tables, f: Finding): Anomaly {
  const series = tables.seriesAt(f.seriesId)!;
  const entity = tables.entityOf(f.seriesId);
  const name = seriesName(series);
  const { value, expected, width } = f;
  const key = `${entity.kind}:${entity.name}|${f.about ?? name}|${f.startMs}`;
  return {
    id: `A-${createHash("sha256").update(key).digest("hex").slice(0, 12)}`,
    entity: entity.name,
    entityKind: entity.kind,
    series: name,
    unit: series.unit,
    family: familyOf(series.metric),
    direction: value >= expected ? "up" : "down",
    startMs: f.startMs,
    detectedMs: f.detectedMs,
    endMs: null,
    p: f.p,
    evidence: f.evidence,
    value,
    band: { expected, low: clampValue(expected - width), high: clampValue(expected + width) },
    detectors: f.detectors,
    why: reason(series.unit, value, expected, series.metric, f.when),
  };
}
