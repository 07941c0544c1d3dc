/** Which calendars are in force in a window, and for whom. Event time and the zone's own rules: a replay sees the same. */
import { DateTime } from "luxon";
import { type CalendarRule, WEEKDAYS } from "./calendar-config.ts";

/** One calendar in force. */
export interface InForce {
  readonly name: string;
  readonly mode: CalendarRule["mode"];
  /** End of this occurrence. */
  readonly untilMs: number;
  readonly covers: (entity: string) => boolean;
}

export interface Calendars {
  /** Those of which an occurrence meets the window [startMs, endMs). The last answer is kept. */
  inForce(startMs: number, endMs: number): readonly InForce[];
  /** The one of this mode that covers an entity the longest. */
  covering(entity: string, mode: CalendarRule["mode"], startMs: number, endMs: number): InForce | undefined;
}

type Span = readonly [startMs: number, endMs: number];

/** Days before a window's own that an occurrence may have begun on: 24 hours from 24:00 reach into the second. */
const DAYS_BACK = 2;

export function calendars(rules: readonly CalendarRule[]): Calendars {
  const compiled = rules.map((rule) => ({ rule, covers: entityTest(rule.entities), ranges: rangesOf(rule) }));
  let last: { startMs: number; endMs: number; found: readonly InForce[] } | undefined;
  const inForce = (startMs: number, endMs: number): readonly InForce[] => {
    if (last?.startMs === startMs && last.endMs === endMs) return last.found;
    const found: InForce[] = [];
    for (const { rule, covers, ranges } of compiled) {
      let untilMs = Number.NEGATIVE_INFINITY;
      const meet = ([from, to]: Span) => {
        if (from < endMs && to > startMs) untilMs = Math.max(untilMs, to);
      };
      ranges.forEach(meet);
      for (const span of spansNear(rule, startMs, endMs)) meet(span);
      if (untilMs > startMs) found.push({ name: rule.name, mode: rule.mode, untilMs, covers });
    }
    last = { startMs, endMs, found };
    return found;
  };
  return {
    inForce,
    covering(entity, mode, startMs, endMs) {
      let best: InForce | undefined;
      for (const c of compiled.length === 0 ? [] : inForce(startMs, endMs))
        if (c.mode === mode && (best === undefined || c.untilMs > best.untilMs) && c.covers(entity)) best = c;
      return best;
    },
  };
}

function entityTest(entities: readonly string[] | undefined): (entity: string) => boolean {
  if (!entities) return () => true;
  const exact = new Set(entities.filter((e) => !e.includes("*")));
  const globs = entities.filter((e) => e.includes("*")).map((e) => e.split("*"));
  return (entity) => exact.has(entity) || globs.some((parts) => fits(entity, parts));
}

/** Parts in their order, the first at the start and the last at the end: no backtracking. */
function fits(text: string, parts: readonly string[]): boolean {
  const [first, last] = [parts[0] as string, parts.at(-1) as string];
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

const rangesOf = (rule: CalendarRule): Span[] => [
  ...rule.ranges.map((r): Span => [Date.parse(r.from), Date.parse(r.to)]),
  ...rule.dates
    .filter((d) => d.length > 5)
    .map((d): Span => {
      const [first, end = first] = d.split("/").map((day) => DateTime.fromISO(day, { zone: rule.timeZone })) as [
        DateTime,
        DateTime?,
      ];
      return [atClock(first, "00:00"), atClock(end.plus({ days: 1 }), "00:00")];
    }),
];

/** Occurrences of what recurs that began on the days of a window, or shortly before. */
function* spansNear(rule: CalendarRule, startMs: number, endMs: number): Generator<Span> {
  const yearly = rule.dates.filter((d) => d.length === 5);
  if (rule.weekly.length === 0 && yearly.length === 0) return;
  const final = DateTime.fromMillis(endMs, { zone: rule.timeZone });
  let day = DateTime.fromMillis(startMs, { zone: rule.timeZone }).startOf("day").minus({ days: DAYS_BACK });
  for (; day <= final; day = day.plus({ days: 1 })) {
    if (yearly.includes(day.toFormat("MM-dd"))) yield [atClock(day, "00:00"), atClock(day, "24:00")];
    for (const { days, nth, from, to } of rule.weekly) {
      if (!days.includes(WEEKDAYS[day.weekday - 1]!) || (nth !== undefined && !isNth(day, nth))) continue;
      yield [atClock(day, from), atClock(to <= from ? day.plus({ days: 1 }) : day, to)];
    }
  }
}

function isNth(day: DateTime, nth: number): boolean {
  if (nth > 0) return Math.ceil(day.day / 7) === nth;
  return Math.ceil(((day.daysInMonth as number) - day.day + 1) / 7) === -nth;
}

/**
 * A time of day as an instant. One that summer time leaves out counts by the offset before the change; of one that comes
 * twice the first is meant (RFC 5545, 3.3.5), whatever the clock of this machine says now.
 */
function atClock(day: DateTime, time: string): number {
  const [hour, minute] = time.split(":").map(Number) as [number, number];
  const base = hour === 24 ? day.plus({ days: 1 }) : day;
  const local = base.set({ hour: hour % 24, minute, second: 0, millisecond: 0 });
  return Math.min(...local.getPossibleOffsets().map((d) => d.toMillis()));
}
