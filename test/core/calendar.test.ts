import { Settings } from "luxon";
import { afterEach, describe, expect, it } from "vitest";
import { calendars } from "../../pipelines/core/calendar.ts";
import { type CalendarRule, calendarSchema } from "../../pipelines/core/calendar-config.ts";

const rule = (more: object): CalendarRule => calendarSchema.parse({ name: "c", ...more });
const MINUTE = 60_000;
/** Whether it is in force in the minute that begins then. */
const at = (r: CalendarRule, time: string) => {
  const ms = Date.parse(time);
  return calendars([r]).inForce(ms, ms + MINUTE)[0];
};
const berlin = { timeZone: "Europe/Berlin" };

afterEach(() => {
  Settings.now = () => Date.now();
});

describe("calendars", () => {
  it.each([
    [
      "a night of the week",
      { ...berlin, weekly: [{ days: ["sun"], from: "02:00", to: "04:00" }] },
      "2026-11-22T01:00Z",
      "2026-11-22T00:59Z",
      "2026-11-22T03:00Z",
    ],
    [
      "a night past midnight",
      { ...berlin, weekly: [{ days: ["fri"], from: "22:00", to: "06:00" }] },
      "2026-11-21T04:59Z",
      "2026-11-21T05:00Z",
      "2026-11-21T21:30Z",
    ],
    [
      "a summer night by summer time",
      { ...berlin, weekly: [{ from: "02:00", to: "04:00" }] },
      "2026-07-05T00:00Z",
      "2026-07-04T23:59Z",
      "2026-07-05T02:00Z",
    ],
    [
      "the second Tuesday of a month",
      { weekly: [{ days: ["tue"], nth: 2 }] },
      "2026-11-10T12:00Z",
      "2026-11-03T12:00Z",
      "2026-11-17T12:00Z",
    ],
    [
      "the last Friday of a month",
      { weekly: [{ days: ["fri"], nth: -1 }] },
      "2026-11-27T12:00Z",
      "2026-11-20T12:00Z",
      "2026-12-04T12:00Z",
    ],
    [
      "a holiday where it is",
      { timeZone: "Asia/Tokyo", dates: ["2026-11-23"] },
      "2026-11-22T15:00Z",
      "2026-11-22T14:59Z",
      "2026-11-23T15:00Z",
    ],
    [
      "a day of every year",
      { ...berlin, dates: ["12-25"] },
      "2031-12-24T23:00Z",
      "2031-12-24T22:59Z",
      "2031-12-25T23:00Z",
    ],
    [
      "days in a row",
      { dates: ["2026-12-24/2026-12-26"] },
      "2026-12-26T23:59Z",
      "2026-12-23T23:58Z",
      "2026-12-27T00:00Z",
    ],
    [
      "a range with its zone",
      { ranges: [{ from: "2026-11-21T22:00:00+01:00", to: "2026-11-22T01:00:00+01:00" }] },
      "2026-11-21T21:00Z",
      "2026-11-21T20:59Z",
      "2026-11-22T00:00Z",
    ],
    [
      "the end of the day",
      { weekly: [{ days: ["mon"], from: "23:00", to: "24:00" }] },
      "2026-11-23T23:59Z",
      "2026-11-23T22:59Z",
      "2026-11-24T00:00Z",
    ],
  ])("knows %s", (_, more, inside, before, after) => {
    expect(at(rule(more), inside)).toMatchObject({ name: "c", mode: "learn" });
    expect(at(rule(more), before)).toBeUndefined();
    expect(at(rule(more), after)).toBeUndefined();
  });

  it("counts an hour that summer time leaves out by the offset before, and makes the long night long", () => {
    const spring = rule({ ...berlin, weekly: [{ from: "02:15", to: "02:45" }] });
    for (const m of ["00:30", "01:00", "01:45"]) expect(at(spring, `2026-03-29T${m}Z`)).toBeUndefined();
    expect(at(spring, "2026-03-29T01:20Z")).toBeDefined();
    expect(at(spring, "2026-03-28T01:20Z")).toBeDefined();
    const autumn = rule({ ...berlin, weekly: [{ from: "02:30", to: "03:30" }] });
    // 02:30 comes twice on 25 October 2026, at 00:30 and 01:30 UTC: the first is meant
    expect(at(autumn, "2026-10-25T00:30Z")).toBeDefined();
    expect(at(autumn, "2026-10-25T02:29Z")).toBeDefined();
    expect(at(autumn, "2026-10-25T00:29Z")).toBeUndefined();
    expect(at(autumn, "2026-10-25T02:30Z")).toBeUndefined();
  });

  it.each(["2026-01-15", "2026-07-15"])("says the same in a replay on %s", (today) => {
    Settings.now = () => Date.parse(today);
    const r = rule({ ...berlin, weekly: [{ from: "02:30", to: "02:45" }] });
    expect(at(r, "2026-10-25T00:30Z")?.untilMs).toBe(Date.parse("2026-10-25T00:45Z"));
    expect(at(r, "2026-10-25T01:30Z")).toBeUndefined();
  });

  it("covers the entities that it names", () => {
    const c = calendars([
      rule({
        entities: ["db-*", "*-batch*", "web"],
        ranges: [{ from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" }],
      }),
    ]);
    const noon = Date.parse("2026-01-01T12:00Z");
    const covered = (e: string) => c.covering(e, "learn", noon, noon + MINUTE) !== undefined;
    for (const e of ["db-", "db-1", "night-batch", "x-batch-2", "web"]) expect(covered(e)).toBe(true);
    for (const e of ["adb-1", "batch", "web2", "we", ""]) expect(covered(e)).toBe(false);
    expect(c.covering("web", "ignore", noon, noon + MINUTE)).toBeUndefined();
  });

  it("meets a window that it only touches, and names its end", () => {
    const r = rule({ ranges: [{ from: "2026-01-01T00:00:30Z", to: "2026-01-01T00:00:40Z" }] });
    expect(at(r, "2026-01-01T00:00Z")?.untilMs).toBe(Date.parse("2026-01-01T00:00:40Z"));
  });

  it.each([
    [{}, "give weekly, dates or ranges"],
    [{ dates: ["2026-02-30"] }, "no such date"],
    [{ dates: ["2026-05-02/2026-05-01"] }, "no such date"],
    [{ dates: ["13-01"] }, "no such date"],
    [{ dates: ["05-01"], timeZone: "Europe/Atlantis" }, "no such time zone"],
    [{ weekly: [{ from: "25:00" }] }, "time of day"],
    [{ weekly: [{ days: [] }] }, ""],
    [{ weekly: [{ nth: 0 }] }, "first such day"],
    [{ ranges: [{ from: "2026-01-01T00:00", to: "2026-01-02T00:00:00Z" }] }, "with its zone"],
    [{ ranges: [{ from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" }] }, "ends before"],
  ])("refuses %j", (more, why) => {
    const result = calendarSchema.safeParse({ name: "c", ...more });
    expect(result.success).toBe(false);
    expect(JSON.stringify(result.error?.issues)).toContain(why);
  });
});
