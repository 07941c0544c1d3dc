/** What people called expected or noise, as rules that keep the next such incident from paging anybody. */
import { createHash } from "node:crypto";
import type { LabelRecord, Sign, Suppression } from "../core/incident-decisions.ts";
import type { Anomaly, Control, Incident } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import { benign } from "./evidence.ts";
import type { Cover } from "./types.ts";

const MOST_SIGNS = 100;
/** Proposals nobody looks at: the oldest go first. */
const MOST_PROPOSED = 500;
const MOST_ACTIVE = 1000;
/** Proposals are forgotten after this, ms. */
const PROPOSED_MS = 30 * 86_400_000;
const HOUR_MS = 3_600_000;
const WEEK_HOURS = 168;
/** Either way of the hour of the week: summer time moves it by one. */
const SLACK_HOURS = 1.5;
/** 1970-01-01 was a Thursday. */
const THURSDAY_HOURS = 72;
const NOTE_CHARS = 1000;

const signKey = (s: Sign) => `${s.entity}\u0000${s.series}\u0000${s.direction}`;
const signOf = ({ entity, series, direction }: Anomaly): Sign => ({ entity, series, direction });
export const hourOfWeek = (timeMs: number): number => (timeMs / HOUR_MS + THURSDAY_HOURS) % WEEK_HOURS;

export interface Suppressions extends Stateful {
  /** A label of `expected` or `noise` proposes a rule; `real` takes back what the incident's own labels proposed. */
  label(incident: Incident, record: LabelRecord): Suppression | undefined;
  /** `suppress` and `unsuppress`; undefined where there is no such rule, or nothing to change. */
  decide(control: Control): Suppression | undefined;
  /** The active rule that covers an anomaly at a time the longest. */
  covering(anomaly: Anomaly, nowMs: number): Cover | undefined;
  /** A rule kept an incident quiet; each incident counts once. */
  used(ruleId: string, incident: Incident): Suppression | undefined;
  /** Time passes: what has expired. */
  advance(nowMs: number): Suppression[];
}

/** Event time decides; state is at most 1,500 rules of 100 signs. */
export function suppressions(): Suppressions {
  const rules = new Map<string, { rule: Suppression; keys: ReadonlySet<string>; last: string }>();
  let dirty = false;
  let active = 0;

  const put = (rule: Suppression, last = rules.get(rule.id)?.last ?? "") => {
    rules.set(rule.id, { rule, keys: new Set(rule.signs.map(signKey)), last });
    active = [...rules.values()].filter((r) => r.rule.state === "active").length;
    dirty = true;
    return rule;
  };
  const drop = (id: string) => {
    rules.delete(id);
    active = [...rules.values()].filter((r) => r.rule.state === "active").length;
    dirty = true;
  };
  const inForce = ({ state, acceptedMs, expiresMs, hourOfWeek: hour }: Suppression, nowMs: number, at: number) => {
    if (state !== "active" || nowMs < (acceptedMs as number) || nowMs >= (expiresMs as number)) return false;
    if (hour === null) return true;
    const apart = Math.abs(hourOfWeek(at) - hour);
    return Math.min(apart, WEEK_HOURS - apart) <= SLACK_HOURS;
  };

  return {
    label(incident, { label, by, atMs, note }) {
      const own = [...rules.values()].find((r) => r.rule.incidentId === incident.id && r.rule.state === "proposed");
      if (label === "real") {
        if (!own) return undefined;
        drop(own.rule.id);
        return { ...own.rule, state: "removed", endedBy: by };
      }
      const telling = incident.anomalies.filter((a) => !benign(a));
      const signs = [
        ...new Map((telling.length > 0 ? telling : incident.anomalies).map((a) => [signKey(a), signOf(a)])).entries(),
      ]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, s]) => s)
        .slice(0, MOST_SIGNS);
      if (signs.length === 0) return undefined;
      const hour = label === "expected" ? Math.floor(hourOfWeek(incident.times.detectedMs) * 4) / 4 : null;
      const digest = createHash("sha256")
        .update(JSON.stringify([incident.id, signs, hour]))
        .digest("hex");
      const id = `SUP-${digest.slice(0, 8)}`;
      if (rules.has(id)) return undefined;
      if (own) drop(own.rule.id);
      const proposed = [...rules.values()].filter((r) => r.rule.state === "proposed");
      if (proposed.length >= MOST_PROPOSED) drop((proposed[0] as { rule: Suppression }).rule.id);
      return put({
        id,
        state: "proposed",
        label,
        incidentId: incident.id,
        signs,
        hourOfWeek: hour,
        note: note.slice(0, NOTE_CHARS),
        proposedBy: by,
        createdMs: atMs,
        acceptedBy: null,
        acceptedMs: null,
        expiresMs: null,
        endedBy: null,
        count: 0,
        lastMs: null,
      });
    },
    decide(control) {
      if (control.kind !== "suppress" && control.kind !== "unsuppress") return undefined;
      const known = rules.get(control.suppressionId)?.rule;
      if (!known) return undefined;
      if (control.kind === "unsuppress") {
        drop(known.id);
        return { ...known, state: "removed", endedBy: control.by };
      }
      if (control.expiresMs <= control.timeMs || (known.state !== "active" && active >= MOST_ACTIVE)) return undefined;
      return put({
        ...known,
        state: "active",
        hourOfWeek: control.anyTime ? null : known.hourOfWeek,
        acceptedBy: control.by,
        acceptedMs: control.timeMs,
        expiresMs: control.expiresMs,
      });
    },
    covering(anomaly, nowMs) {
      if (active === 0) return undefined;
      const key = signKey(signOf(anomaly));
      let best: Cover | undefined;
      for (const { rule, keys } of rules.values())
        if (keys.has(key) && inForce(rule, nowMs, anomaly.detectedMs) && !(best && best.untilMs >= rule.expiresMs!))
          best = { id: rule.id, untilMs: rule.expiresMs as number };
      return best;
    },
    used(ruleId, incident) {
      const known = rules.get(ruleId);
      if (!known || known.last === incident.id) return undefined;
      const lastMs = Math.max(known.rule.lastMs ?? 0, incident.times.detectedMs);
      return put({ ...known.rule, count: known.rule.count + 1, lastMs }, incident.id);
    },
    advance(nowMs) {
      const out: Suppression[] = [];
      for (const { rule } of [...rules.values()]) {
        const until = rule.state === "active" ? (rule.expiresMs as number) : rule.createdMs + PROPOSED_MS;
        if (nowMs < until) continue;
        drop(rule.id);
        out.push({ ...rule, state: "expired" });
      }
      return out;
    },
    snapshot(putChunk, full) {
      if (dirty || full) putChunk("all", toChunk([...rules.values()].map(({ rule, last }) => ({ rule, last }))));
      dirty = false;
    },
    restore(chunks) {
      const bytes = chunks.get("all");
      if (!bytes) return;
      for (const { rule, last } of fromChunk<{ rule: Suppression; last: string }[]>(bytes)) put(rule, last);
      dirty = false;
    },
  };
}
