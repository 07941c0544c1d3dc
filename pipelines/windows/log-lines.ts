/** Log lines to counts, by entity and by template. */

import type { LogBatch } from "../core/batches.ts";
import type { LineParameters, LogTemplates, TemplateRates } from "../core/log-templates.ts";
import type { LogDigest } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import type { OpenWindow } from "./open-window.ts";

const WARN = 13;
const ERROR = 17;

/** Series of an entity: -log10 of the probability of its template counts, at most 12. */
export const TEMPLATE_SHIFT = "logs.template_shift";
/** Series of an entity: the same of the strangest duration or size in its lines. */
export const PARAMETER_SHIFT = "logs.parameter_shift";
const MOST_SHIFT = 12;
/** A window whose template counts are less probable is told of with the template that it is for. */
const TELL_BELOW = 1e-4;
const MOST_DIGESTS = 200;
const MOST_COUNTS = 5000;
const MOST_KNOWN = 20_000;

interface Sample {
  count: number;
  severity: number;
  sample: string;
  traceId: string;
}

interface WindowLogs {
  counts: Record<string, [lines: number, errors: number]>;
  /** By `entity template`: warnings and errors, and of other lines one of each template. */
  samples: Record<string, Sample>;
  sampled: number;
  /** By entity: values judged, and the strangest with its line. */
  odd?: Record<string, OddValue>;
}

interface OddValue {
  tests: number;
  p: number;
  templateId: number;
  severity: number;
  sample: string;
  traceId: string;
}

/**
 * Memory: at most 5,000 pairs of entity and template a window, 20,000 known ones; of a flood of others the lines are
 * counted, not kept.
 */
export function logLines(
  tables: Tables,
  { templates, rates, parameters }: { templates: LogTemplates; rates: TemplateRates; parameters: LineParameters },
): Stateful & {
  add(logs: LogBatch, windowOf: (timeMs: number) => number | undefined): number;
  close(startMs: number, window: OpenWindow, alive: boolean): LogDigest[];
} {
  const windows = new Map<number, WindowLogs>();
  const speakers = new Set<number>();
  /** `entity template` of all that was ever said, while there is room. */
  const known = new Set<string>();
  const dirty = new Set<number>();
  let namesDirty = false;
  const idNow = (id: number) => templates.now(id);

  /** Samples under the ids that live, by entity. */
  const settled = (w: WindowLogs): Map<number, Map<number, Sample>> => {
    const out = new Map<number, Map<number, Sample>>();
    for (const [key, sample] of Object.entries(w.samples)) {
      const [entityId, id] = key.split(" ").map(Number) as [number, number];
      const own = out.get(entityId) ?? new Map<number, Sample>();
      out.set(entityId, own);
      const live = idNow(id);
      const other = own.get(live);
      if (!other) own.set(live, { ...sample });
      else {
        other.count += sample.count;
        other.severity = Math.max(other.severity, sample.severity);
      }
    }
    return out;
  };
  const judgeValues = (
    w: WindowLogs,
    entityId: number,
    templateId: number,
    severity: number,
    body: string,
    traceId: string,
  ): void => {
    const { p, tests } = parameters.judge(entityId, templateId, body);
    if (tests === 0) return;
    w.odd ??= {};
    const odd = w.odd[entityId] ?? { tests: 0, p: 2, templateId, severity, sample: "", traceId: "" };
    w.odd[entityId] = odd;
    odd.tests += tests;
    if (p < odd.p) Object.assign(odd, { p, templateId, severity, sample: body.slice(0, 500), traceId });
  };
  return {
    add(logs, windowOf) {
      let late = 0;
      for (let i = 0; i < logs.length; i++) {
        const start = windowOf(logs.timeMs[i] as number);
        if (start === undefined) {
          late += 1;
          continue;
        }
        const w = windows.get(start) ?? { counts: {}, samples: {}, sampled: 0 };
        windows.set(start, w);
        dirty.add(start);
        const entityId = logs.entityIds[i] as number;
        const severity = logs.severity[i] as number;
        if (!speakers.has(entityId)) {
          speakers.add(entityId);
          namesDirty = true;
        }
        w.counts[entityId] ??= [0, 0];
        const c = w.counts[entityId] as [number, number];
        c[0] += 1;
        if (severity >= ERROR) c[1] += 1;
        const body = logs.body[i] as string;
        const templateId = templates.idOf(body);
        judgeValues(w, entityId, templateId, severity, body, logs.traceId[i] as string);
        const key = `${entityId} ${templateId}`;
        const seen = w.samples[key];
        if (!seen) {
          if (w.sampled >= MOST_COUNTS) continue;
          w.sampled += 1;
        } else if (seen.severity >= severity) {
          seen.count += 1;
          continue;
        }
        const traceId = logs.traceId[i] as string;
        w.samples[key] = { count: 1 + (seen?.count ?? 0), severity, sample: body.slice(0, 500), traceId };
      }
      return late;
    },
    close(startMs, window, alive) {
      const w = windows.get(startMs) ?? { counts: {}, samples: {}, sampled: 0 };
      windows.delete(startMs);
      dirty.add(startMs);
      const seconds = (window.endMs - window.startMs) / 1000;
      const byEntity = settled(w);
      const digests: LogDigest[] = [];
      for (const entityId of speakers) {
        const c = w.counts[entityId];
        if (!c && !alive) continue;
        for (const [k, metric] of ["logs.lines", "logs.errors"].entries()) {
          const id = tables.internSeries(entityId, metric, "1/s", "gauge", {});
          if (id >= 0) window.add(id, (c?.[k] ?? 0) / seconds);
        }
        const samples = byEntity.get(entityId) ?? new Map<number, Sample>();
        const opinion = rates.judge(entityId, new Map([...samples].map(([id, s]) => [id, s.count])), idNow);
        if (opinion) {
          const id = tables.internSeries(entityId, TEMPLATE_SHIFT, "1", "gauge", {});
          if (id >= 0) window.add(id, Math.min(MOST_SHIFT, -Math.log10(opinion.p)));
        }
        const strange = w.odd?.[entityId];
        if (strange) {
          const p = -Math.expm1(strange.tests * Math.log1p(-Math.min(strange.p, 1 - 1e-12)));
          const id = tables.internSeries(entityId, PARAMETER_SHIFT, "1", "gauge", {});
          if (id >= 0) window.add(id, Math.min(MOST_SHIFT, -Math.log10(Math.max(p, 1e-300))));
          if (p < TELL_BELOW && digests.length < MOST_DIGESTS)
            digests.push({
              entity: tables.entities[entityId]?.name ?? "?",
              startMs: window.startMs,
              endMs: window.endMs,
              template: templates.textOf(idNow(strange.templateId)),
              templateId: idNow(strange.templateId),
              count: 1,
              severity: strange.severity,
              isNew: false,
              sample: strange.sample,
              traceId: strange.traceId,
            });
        }
        const odd = opinion && opinion.p < TELL_BELOW ? opinion.template : undefined;
        for (const [templateId, { count, severity, sample, traceId }] of samples) {
          const key = `${entityId} ${templateId}`;
          const isNew = !known.has(key);
          if (isNew && known.size < MOST_KNOWN) {
            known.add(key);
            namesDirty = true;
          }
          // Of lines that are no warnings, only what is new or odd, once it is known what is usual.
          const told = severity >= WARN || (opinion !== undefined && (isNew || templateId === odd));
          if (!told || digests.length >= MOST_DIGESTS) continue;
          const template = templates.textOf(templateId);
          const entity = tables.entities[entityId]?.name ?? "?";
          const { endMs } = window;
          digests.push({ entity, startMs, endMs, template, templateId, count, severity, isNew, sample, traceId });
        }
      }
      return digests;
    },
    snapshot(put, full = false) {
      if (full) for (const k of windows.keys()) dirty.add(k);
      for (const k of dirty) put(`window/${k}`, windows.has(k) ? toChunk(windows.get(k)) : undefined);
      dirty.clear();
      if (namesDirty || full) put("names", toChunk([[...speakers], [...known]]));
      namesDirty = false;
    },
    restore(chunks) {
      for (const [key, bytes] of chunks) {
        if (key !== "names") {
          windows.set(Number(key.slice("window/".length)), fromChunk(bytes));
          continue;
        }
        const [s, t] = fromChunk<[number[], string[]]>(bytes);
        for (const id of s) speakers.add(id);
        for (const name of t) known.add(name);
      }
    },
  };
}
