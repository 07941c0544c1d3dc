/** Stage `incidents`: anomalies to incidents, each with a diagnosis that follows the evidence. */
import { type Calendars, calendars } from "../core/calendar.ts";
import type { Suppression } from "../core/incident-decisions.ts";
import type { Anomaly, Message } from "../core/records.ts";
import { isSelf, SELF_LABEL } from "../core/self.ts";
import { fromChunk, type Outbox, type Stage, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import { type TableLimits, type TableRows, Tables } from "../core/tables.ts";
import { type CorrelatorOptions, type Cover, correlator, type IncidentEvent } from "../correlate/correlator.ts";
import { suppressions } from "../correlate/suppressions.ts";
import type { CaseView } from "../diagnose/case-view.ts";
import { diagnoseAndSign } from "../diagnose/diagnose.ts";
import { history } from "../diagnose/history.ts";
import { incidentMemory } from "../diagnose/memory.ts";
import { LabelCounts } from "./observe/tally.ts";

export interface IncidentsOptions extends CorrelatorOptions {
  /** Windows of every series kept for diagnosis. */
  readonly historyWindows: number;
  readonly tableLimits: TableLimits;
  /** Of those in force, incidents page nobody. */
  readonly calendars?: Calendars;
}

/** Windows until the next diagnosis of an open incident, after the one before: evidence comes in fast at first. */
const AGAIN = [2, 3, 5, 10, 20];
/** Windows that a repair gets before the fault is looked at again. */
const SETTLING = 30;
const MASKS = 20;

interface Due {
  /** Windows until the next diagnosis. */
  left: number;
  round: number;
}

/** The pipeline watches from outside: it can see badly, but it is not what broke. */
function withoutSelf(view: CaseView): CaseView {
  return {
    ...view,
    entities: view.entities.filter((e) => !isSelf(e.name)),
    series: view.series.filter((s) => !isSelf(s.entity)),
  };
}

const selfNote = (series: readonly string[]): string =>
  `faultwright itself was off its usual course (${series.slice(0, 5).join(", ")}): what it saw may be late or incomplete`;

export function incidentsStage(options: IncidentsOptions) {
  const tables = new Tables(options.tableLimits);
  const known = options.calendars ?? calendars([]);
  const rules = suppressions();
  const covered = (a: Anomaly, nowMs: number): Cover | undefined => {
    const day = known.covering(a.entity, "learn", nowMs - options.windowMs, nowMs);
    return day ? { id: `calendar:${day.name}`, untilMs: day.untilMs } : rules.covering(a, nowMs);
  };
  const parts = {
    correlate: correlator({ ...options, covered }),
    history: history(tables, { windows: options.historyWindows }),
    memory: incidentMemory(),
    suppressions: rules,
  };
  const saved = { entities: 0, series: 0 };
  const due = new Map<string, Due>();
  /** Series in which the pipeline itself is off its usual course, by anomaly. */
  const selfOpen = new Map<string, string>();
  const happened = new LabelCounts("incidents");
  /** Ranges of earlier incidents: no baseline for the next one. */
  const past: [fromMs: number, toMs: number][] = [];

  const diagnoseDue = (watermarkMs: number) => {
    for (const incident of parts.correlate.openIncidents()) {
      // Right after a repair the picture is of the repair, no longer of the fault; if it did not help, look again.
      const { mitigatedMs } = incident.times;
      if (mitigatedMs !== null && watermarkMs - mitigatedMs < SETTLING * options.windowMs) continue;
      const d = due.get(incident.id) ?? { left: 0, round: 0 };
      due.set(incident.id, d);
      if (d.left > 0) {
        d.left -= 1;
        continue;
      }
      d.left = AGAIN[Math.min(d.round, AGAIN.length - 1)] as number;
      d.round += 1;
      const view = parts.history.view({
        anomalies: incident.anomalies,
        onsetHintsMs: [incident.times.faultStartMs],
        mask: past,
      });
      const own = incident.labels.includes(SELF_LABEL);
      const { diagnosis: found, signature } = diagnoseAndSign(own ? view : withoutSelf(view));
      const similar = own ? [] : parts.memory.see(incident.id, found, signature);
      const diagnosis = similar.length === 0 ? found : { ...found, similar };
      const unsteady = own ? [] : [...new Set(selfOpen.values())].sort();
      parts.correlate.setDiagnosis(
        incident.id,
        unsteady.length === 0 ? diagnosis : { ...diagnosis, missing: [...diagnosis.missing, selfNote(unsteady)] },
        watermarkMs,
      );
    }
  };
  const emit = (events: readonly IncidentEvent[], out: Outbox) => {
    for (const { kind, incident } of events) {
      happened.add(kind);
      if (incident.state === "resolved" && !incident.labels.includes(SELF_LABEL)) parts.memory.over(incident);
      if (kind === "resolved") {
        due.delete(incident.id);
        const { faultStartMs, resolvedMs } = incident.times;
        if (!incident.labels.includes(SELF_LABEL)) past.push([faultStartMs, resolvedMs ?? faultStartMs]);
        if (past.length > MASKS) past.shift();
      }
      out.emit("incidents", incident.id, incident);
      out.send({ type: "incident", incident });
      if (incident.muted) tell(rules.used(incident.muted.silenceId, incident), out);
    }
  };
  const tell = (rule: Suppression | undefined, out: Outbox) => {
    if (!rule) return;
    out.emit("suppressions", rule.id, rule);
  };

  return {
    name: "incidents",
    version: 3,
    tables,
    tally: () => happened.tally(),
    openIncidents: () => parts.correlate.openIncidents(),
    process(message, out) {
      const { correlate, history: recent } = parts;
      switch (message.type) {
        case "tables":
          tables.load(message);
          return;
        case "windows":
          recent.onWindow(message.batch);
          correlate.onWindow(message.batch.length);
          return;
        case "logs":
          recent.onLogs(message.digests);
          return;
        case "edges":
          recent.onEdges(message.edges, message.endMs);
          correlate.onEdges(message.edges, message.endMs);
          return;
        case "change":
          recent.onChange(message.change);
          correlate.onChange(message.change);
          return;
        case "anomaly":
          correlate.onAnomaly(message.anomaly);
          if (isSelf(message.anomaly.entity)) {
            const { id, series, endMs } = message.anomaly;
            if (endMs === null) selfOpen.set(id, series);
            else selfOpen.delete(id);
          }
          return;
        case "control": {
          const { control } = message;
          const silence = correlate.onControl(control);
          if (silence) out.emit("silences", silence.id, silence);
          if (control.kind === "label") {
            const incident = correlate.get(control.record.incidentId);
            if (incident) tell(rules.label(incident, control.record), out);
          } else tell(rules.decide(control), out);
          if (control.kind === "result" && control.ok) correlate.markMitigated(control.incidentId, control.timeMs);
          if (control.kind === "executing" || control.kind === "result")
            correlate.addNote(control.incidentId, {
              timeMs: control.timeMs,
              kind: "action",
              entity: "",
              text: `${control.kind === "result" ? (control.ok ? "repair done" : "repair failed") : "repair begun"}: ${control.detail}`,
            });
          // What somebody said is seen at once, whatever the data do.
          emit(correlate.drain(), out);
          out.send(message);
          return;
        }
        case "watermark":
          emit(correlate.advance(message.timeMs), out);
          diagnoseDue(message.timeMs);
          for (const rule of rules.advance(message.timeMs)) tell(rule, out);
          emit(correlate.drain(), out);
          out.send(message);
          return;
        default:
          return;
      }
    },
    snapshot(put, full = false) {
      if (full) saved.entities = saved.series = 0;
      for (const rows of tables.dumps(saved.entities, saved.series)) {
        put(
          `tables/${String(saved.entities).padStart(9, "0")}-${String(saved.series).padStart(9, "0")}`,
          toChunk(rows),
        );
        saved.entities += rows.entities.length;
        saved.series += rows.series.length;
      }
      put("due", toChunk([...due]));
      put("past", toChunk(past));
      put("self", toChunk([...selfOpen]));
      for (const [name, part] of Object.entries(parts)) part.snapshot(scoped(put, name), full);
    },
    restore(chunks) {
      for (const [, bytes] of [...scopedChunks(chunks, "tables")].sort(([a], [b]) => (a < b ? -1 : 1)))
        tables.load(fromChunk<TableRows>(bytes));
      saved.entities = tables.entities.length;
      saved.series = tables.seriesCount;
      for (const [id, d] of fromChunk<[string, Due][]>(chunks.get("due") ?? toChunk([]))) due.set(id, d);
      past.push(...fromChunk<[number, number][]>(chunks.get("past") ?? toChunk([])));
      for (const [id, s] of fromChunk<[string, string][]>(chunks.get("self") ?? toChunk([]))) selfOpen.set(id, s);
      for (const [name, part] of Object.entries(parts)) part.restore(scopedChunks(chunks, name));
    },
  } satisfies Stage<Message> & Record<string, unknown>;
}
