/** Holidays and maintenance windows, as the config names them. */
import { IANAZone } from "luxon";
import { z } from "zod";

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const clockTime = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, "write a time of day as 02:30; 24:00 is the end of the day");
const isDate = (text: string) => {
  const [y, m, d] = text.split("-").map(Number) as [number, number, number];
  const date = new Date(Date.UTC(y, m - 1, d));
  return date.getUTCMonth() === m - 1 && date.getUTCDate() === d;
};
const dates = z
  .string()
  .regex(
    /^(\d{4}-\d{2}-\d{2}(\/\d{4}-\d{2}-\d{2})?|\d{2}-\d{2})$/,
    "write 2026-12-25, 2026-12-24/2026-12-26, or 12-25 for every year",
  )
  .refine((text) => {
    if (text.length === 5) return isDate(`2024-${text}`);
    const [first, last = first] = text.split("/") as [string, string?];
    return isDate(first) && isDate(last) && first <= last;
  }, "there is no such date, or the last is before the first");
const instant = z.iso.datetime({ offset: true, message: "write a time with its zone: 2026-11-21T22:00:00+01:00" });

export const calendarSchema = z
  .strictObject({
    name: z.string().min(1).max(100),
    mode: z
      .enum(["learn", "ignore"])
      .default("learn")
      .describe(
        "learn: detectors learn, incidents are recorded, nobody is paged. ignore: its values are not looked at.",
      ),
    timeZone: z
      .string()
      .default("UTC")
      .refine((zone) => IANAZone.isValidZone(zone), "no such time zone: write it as Europe/Berlin")
      .describe("Of the days and times below; with its changes of summer time."),
    entities: z
      .array(z.string().min(1).max(500))
      .min(1)
      .max(1000)
      .optional()
      .describe("Services, hosts or pods by name, * for any characters; by default all."),
    weekly: z
      .array(
        z.strictObject({
          days: z
            .array(z.enum(WEEKDAYS))
            .min(1)
            .default([...WEEKDAYS])
            .describe("On which it begins."),
          nth: z
            .number()
            .int()
            .min(-5)
            .max(5)
            .refine((n) => n !== 0, "1 is the first such day of the month, -1 the last")
            .optional()
            .describe("Only the n-th such day of the month; -1 is the last."),
          from: clockTime.default("00:00"),
          to: clockTime.default("24:00").describe("Not after `from`: on the day after."),
        }),
      )
      .max(100)
      .default([]),
    dates: z.array(dates).max(1000).default([]).describe("Whole days: holidays."),
    ranges: z
      .array(
        z
          .strictObject({ from: instant, to: instant })
          .refine((r) => Date.parse(r.from) < Date.parse(r.to), "it ends before it begins"),
      )
      .max(1000)
      .default([]),
  })
  .refine((c) => c.weekly.length + c.dates.length + c.ranges.length > 0, "give weekly, dates or ranges");

export type CalendarRule = z.output<typeof calendarSchema>;
