import { expect, it } from "vitest";
import { manualClock } from "../../pipelines/core/clock.ts";
import { takeDue } from "../../pipelines/recover/schedule.ts";

const HOUR = 3_600_000;
function setup() {
  const clock = manualClock(10 * HOUR);
  const taken: string[] = [];
  const failed: string[] = [];
  const newest = new Map<string, number>();
  const busy = new Set<string>();
  const sick = new Set<string>();
  const look = () =>
    takeDue({
      targets: [
        { name: "a", everyMs: HOUR },
        { name: "b", everyMs: 2 * HOUR },
      ],
      clock,
      newestMs: async (t) => newest.get(t),
      async take(t) {
        if (sick.has(t)) throw new Error("not healthy");
        taken.push(t);
        newest.set(t, clock.nowMs());
        return t;
      },
      busy: (t) => busy.has(t),
      onFailed: (t) => failed.push(t),
    });
  return { clock, taken, failed, newest, busy, sick, look };
}

it("takes what is due, by what is there and not by when we started", async () => {
  const s = setup();
  await s.look();
  expect(s.taken).toEqual(["a", "b"]);
  await s.look();
  s.clock.advance(HOUR);
  await s.look();
  expect(s.taken).toEqual(["a", "b", "a"]);
});
it("leaves a target alone that is acted on, and tries a sick one again", async () => {
  const s = setup();
  s.busy.add("a");
  s.sick.add("b");
  await s.look();
  expect([s.taken, s.failed]).toEqual([[], ["b"]]);
  s.busy.clear();
  s.sick.clear();
  await s.look();
  expect(s.taken).toEqual(["a", "b"]);
});
it("a clock that was set back does not stop it", async () => {
  const s = setup();
  s.newest.set("a", s.clock.nowMs() + 24 * HOUR);
  s.newest.set("b", s.clock.nowMs());
  await s.look();
  expect(s.taken).toEqual(["a"]);
});
