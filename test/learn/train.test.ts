import { describe, expect, it } from "vitest";
import { loadLearned } from "../../models/learned/learned-model.ts";
import { labelsOf, slice } from "../../pipelines/core/history.ts";
import { driftOf, referenceBins } from "../../pipelines/learn/drift/psi.ts";
import { candidatesFor } from "../../pipelines/learn/train/candidate.ts";
import { fitCandidate } from "../../pipelines/learn/train/fit.ts";
import { mergedIncidents, timeFolds } from "../../pipelines/learn/train/folds.ts";
import { withInjectedFaults } from "../../pipelines/learn/train/inject.ts";
import { search, type Trial } from "../../pipelines/learn/train/search.ts";
import { train } from "../../pipelines/learn/train/train.ts";
import { history } from "./data.ts";

const quick = (await candidatesFor(3, true)).filter((c) => c.kind === "stream" || /^(pca|mahalanobis)\(/.test(c.id));
const searching = (entities = [history()], more = {}) => ({
  entities,
  seed: 1,
  budgetMs: 1e9,
  now: () => 0,
  mostTrials: 4,
  ...more,
});

describe("folds", () => {
  it("judge whole incidents, each after its cut, in rising order", () => {
    const h = history({ rows: 900, at: [100, 300, 420, 540, 700] });
    const folds = timeFolds(h);
    expect(folds.length).toBe(3);
    for (const [k, { cut, end }] of folds.entries()) {
      expect(end).toBe(folds[k + 1]?.cut ?? 900);
      expect(mergedIncidents(h).some(([a, b]) => a < cut && b > cut)).toBe(false);
      expect(labelsOf(slice(h, cut, end)).includes(1)).toBe(true);
    }
  });
  it.each([
    ["no rows", 0, []],
    ["one row", 1, []],
    ["only early incidents", 600, [5]],
  ])("give none for %s", (_, rows, at) => expect(timeFolds(history({ rows, at }))).toEqual([]));
});

describe("training does not see the future", () => {
  it.each(quick.map((c) => [c.id, c] as const))(
    "%s: rows after the cut change nothing before it",
    async (_, candidate) => {
      const h = history();
      const { cut, end } = timeFolds(h)[0]!;
      const other = { ...h, values: h.values.slice(), incidents: h.incidents.filter((i) => i.start < h.at[cut]!) };
      other.values.fill(1e6, cut * 3);
      const models = [
        await fitCandidate(candidate, slice(h, 0, cut), 1),
        await fitCandidate(candidate, slice(other, 0, cut), 1),
      ];
      expect(JSON.stringify(models[0]!.save())).toBe(JSON.stringify(models[1]!.save()));
      // nor does a row's score know the rows after it
      const half = (cut + end) >> 1;
      const scores = [h, { ...h, values: h.values.slice().fill(1e6, half * 3) }].map((x, k) => {
        const part = slice(x, cut, end);
        const out = { score: new Float64Array(end - cut), alarm: new Float64Array(end - cut) };
        models[k]!.observe(part.timesMs, part.values, out);
        return [...out.score.subarray(0, half - cut), ...out.alarm.subarray(0, half - cut)];
      });
      expect(scores[0]).toEqual(scores[1]);
    },
  );

  it("finds a trial's value unchanged when later rows than its folds' are added", async () => {
    const trials = async (h: ReturnType<typeof history>) => (await search(searching([h], { mostTrials: 2 }))).trials;
    const [a, b] = [await trials(history()), await trials(slice(history({ rows: 900, at: [300, 420, 540] }), 0, 600))];
    expect(a).toEqual(b);
  });
});

describe("learned models", () => {
  it.each(quick.map((c) => [c.id, c] as const))(
    "%s: state round-trips, scoring is pure, batches do not matter",
    async (_, candidate) => {
      const h = history();
      const model = await fitCandidate(candidate, slice(h, 0, 280), 1);
      const rest = slice(h, 280, 600);
      const column = () => new Float64Array(320);
      const run = (m: Awaited<ReturnType<typeof loadLearned>>, cuts: readonly number[]) => {
        const out = { score: column(), alarm: column() };
        cuts.forEach((from, k) => {
          const to = cuts[k + 1] ?? 320;
          m.observe(rest.timesMs.subarray(from, to), rest.values.subarray(from * 3, to * 3), {
            score: out.score.subarray(from, to),
            alarm: out.alarm.subarray(from, to),
          });
        });
        return out;
      };
      const saved = JSON.stringify(model.save());
      const pure = { score: new Float64Array(1), alarm: new Float64Array(1) };
      model.score(rest.timesMs.subarray(0, 1), rest.values.subarray(0, 3), pure);
      expect(JSON.stringify(model.save())).toBe(saved);
      const whole = run(await loadLearned(model.save()), [0]);
      const pieces = run(await loadLearned(model.save()), [0, 1, 7, 100]);
      expect(pieces).toEqual(whole);
      expect(whole.score[0]).toBe(pure.score[0]);
      expect(whole.score.every((s) => s >= 0 && s <= 1)).toBe(true);
      const labels = labelsOf(rest);
      const mean = (on: number) => {
        const of = whole.score.filter((_, i) => labels[i] === on);
        return of.reduce((a, b) => a + b, 0) / of.length;
      };
      expect(mean(1)).toBeGreaterThan(mean(0));
    },
  );

  it("refuses a state of a model that there is not", async () => {
    const bad = { kind: "vector", model: { kind: "constructor" } } as never;
    await expect(loadLearned(bad)).rejects.toThrow(RangeError);
  });
});

describe("search and train", () => {
  it("gives the same version for the same seed, and says when the budget ended it", async () => {
    const options = { ...searching(), name: "m" };
    const [a, b] = [await train(options), await train(options)];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    let clock = 0;
    const cut = await search(searching(undefined, { mostTrials: undefined, budgetMs: 1.5, now: () => clock++ }));
    expect(cut.complete).toBe(false);
    expect(cut.trials[0]!.id).toBe("statistics");
  });

  it("goes on where it was stopped, with the same outcome", async () => {
    const whole = await search(searching());
    const units = whole.trials[0]!.units;
    expect(units).toBe(3);
    // one part of statistics, all of it, then in the middle of the second and the third
    for (const steps of [1, units, units + 1, 2 * units + 2]) {
      const kept = new Map<string, Trial>();
      let put = 0;
      const killed = {
        get: (id: string) => kept.get(id),
        put: async (t: Trial) => {
          if (put++ === steps) throw new Error("killed");
          kept.set(t.id, JSON.parse(JSON.stringify(t)));
        },
      };
      await expect(search(searching(undefined, { journal: killed }))).rejects.toThrow("killed");
      let more = 0;
      const journal = { get: killed.get, put: async () => void more++ };
      expect(await search(searching(undefined, { journal }))).toEqual(whole);
      expect(more).toBe(4 * units - steps);
    }
  });

  it("learns without incidents from injected faults", async () => {
    const found = await search(searching([history({ at: [] })]));
    expect(found.supervised).toBe(false);
    expect(found.trials.every((t) => t.mean !== null && t.mean >= 0 && t.mean <= 1.01)).toBe(true);
    const h = withInjectedFaults(history({ at: [] }), 3);
    expect(h).toEqual(withInjectedFaults(history({ at: [] }), 3));
    expect(h.incidents.length).toBe(5);
  });

  it("asks more of a model that was only judged on injected faults", async () => {
    const ids = (await search(searching())).trials.map((t) => t.id);
    // better by 0.1 with a standard error of 0.058
    const units = (id: string) => (id === ids[0] ? [0.5, 0.5, 0.5] : id === ids[1] ? [0.5, 0.6, 0.7] : [0.1, 0.1, 0.1]);
    const journal = { get: (id: string) => ({ id, units: units(id) }), put: async () => {} };
    const chosen = async (h: ReturnType<typeof history>) => (await search(searching([h], { journal }))).chosen.id;
    expect(await chosen(history())).toBe(ids[1]);
    expect(await chosen(history({ at: [] }))).toBe("statistics");
  });

  it.each([
    ["one row", 1],
    ["ten rows", 10],
  ])("falls back to statistics with %s", async (_, rows) => {
    const { draft, state } = await train({ ...searching([history({ rows, at: [] })]), name: "m" });
    expect(draft.chosen.id).toBe("statistics");
    await loadLearned(state.web!);
  });
});

describe("drift", () => {
  const column = (seed: number, shift = 0) =>
    history({ rows: 2000, dims: 1, seed, at: [] }).values.map((v) => v + shift);
  it.each([
    ["the same population", column(2), "stable"],
    ["a shifted one", column(2, 3), "changed"],
    ["gaps alone", new Float64Array(100).fill(Number.NaN), "unknown"],
  ])("%s", (_, now, level) => expect(driftOf(referenceBins("c", column(1)), now).level).toBe(level));
  it("of two bins is what the formula gives", () => {
    const then = { name: "c", edges: [0], shares: [0.5, 0.5], gaps: 0 };
    const now = Float64Array.from({ length: 100 }, (_, i) => (i < 80 ? 1 : -1));
    // (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5)
    expect(driftOf(then, now).psi).toBeCloseTo(0.3 * Math.log(1.6) - 0.3 * Math.log(0.4), 12);
  });
  it("of a constant that stays is none, that moves is a change", () => {
    const bins = referenceBins("c", new Float64Array(200).fill(7));
    expect(driftOf(bins, new Float64Array(200).fill(7)).level).toBe("stable");
    expect(driftOf(bins, new Float64Array(200).fill(8)).level).toBe("changed");
  });
});
