/** Our models beside scikit-learn, River, statsmodels and Keras, on outputs stored by `reference/make.py`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { lloyd, plusPlus } from "../../models/linear/k-means.ts";
import { startBackend } from "../../models/neural/backend.ts";
import { tensorsOf } from "../../models/neural/descend.ts";
import { gruRun, gruShapes } from "../../models/neural/gru.ts";
import { run, train } from "../../models/neural/network.ts";
import { randomOf } from "../../models/neural/random.ts";
import { seasonal } from "../../models/statistical/index.ts";
import { decision, scaleGamma } from "../../models/svm/kernel-machine.ts";
import { trainMachine } from "../../models/svm/libsvm.ts";
import { fitSigmoid } from "../../models/svm/platt.ts";
import { growCart, ranksOf } from "../../models/trees/cart.ts";
import { ForestBuilder, leafValue, loadForest, meanValues } from "../../models/trees/forest.ts";
import { growHalfSpace, learnRow, strangeness, turnWindow } from "../../models/trees/half-space.ts";
import { averagePath } from "../../models/trees/isolation-forest.ts";
import { vectorModels } from "../../models/vector-model.ts";

// biome-ignore lint/suspicious/noExplicitAny: stored JSON, whose shape is in make.py
const stored = (name: string): any =>
  JSON.parse(readFileSync(join(import.meta.dirname, "reference", `${name}.json`), "utf8"));

/** Largest difference. */
function apart(got: ArrayLike<number>, want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  return want.reduce((most, w, i) => Math.max(most, Math.abs(w - got[i]!)), 0);
}
const indices = (values: readonly number[], dims: number) => [...Array(values.length / dims).keys()];

describe("support vector machines, beside scikit-learn", () => {
  const { dims, labels, probes, ...s } = stored("svm");
  const rows = Float64Array.from(s.rows);

  it("gamma = scale is the same to 12 digits", () => {
    expect(scaleGamma(rows, dims) / s.gamma).toBeCloseTo(1, 12);
  });

  it("C-SVC decisions agree within 0.002, twice libsvm's own tolerance, every sign too", async () => {
    const machine = await trainMachine(rows, dims, s.gamma, { type: "c-svc", labels, cost: 1 });
    const got = indices(probes, dims).map((i) => decision(machine, probes, i));
    expect(apart(got, s.decision)).toBeLessThan(2e-3);
    expect(got.map(Math.sign)).toEqual(s.decision.map(Math.sign));
    expect(Math.abs(machine.coefficients.length - s.vectors)).toBeLessThanOrEqual(2);
  });

  it("swapping the labels turns the sign, whichever label comes first", async () => {
    const swapped = labels.map((l: number) => 1 - l);
    const machine = await trainMachine(rows, dims, s.gamma, { type: "c-svc", labels: swapped, cost: 1 });
    const got = indices(probes, dims).map((i) => -decision(machine, probes, i));
    expect(apart(got, s.decision)).toBeLessThan(2e-3);
  });

  it("one-class decisions agree within 0.002 of the largest", async () => {
    const machine = await trainMachine(rows, dims, s.gamma, { type: "one-class", nu: 0.1 });
    const got = indices(probes, dims).map((i) => decision(machine, probes, i));
    const most = Math.max(...s.oneClass.map(Math.abs));
    expect(apart(got, s.oneClass) / most).toBeLessThan(2e-3);
    expect(Math.abs(machine.coefficients.length - s.oneClassVectors)).toBeLessThanOrEqual(2);
  });

  it("Platt's sigmoid agrees within 0.001", () => {
    const { a, b } = fitSigmoid(Float64Array.from(s.sigmoid.values), labels);
    expect(apart([a, b], [s.sigmoid.a, s.sigmoid.b])).toBeLessThan(1e-3);
  });
});

describe("trees, beside scikit-learn", () => {
  const { dims, labels, probes, ...s } = stored("trees");
  const n = labels.length;
  const count = probes.length / dims;
  const rows = Float64Array.from(s.rows);

  it("our CART grows the same tree: shares within 1e-12", () => {
    const builder = new ForestBuilder();
    builder.plant();
    const data = { rows, dims, labels, ranks: ranksOf(rows, dims) };
    growCart(builder, data, new Float64Array(n).fill(1), { depth: 3, leafWeight: 5 });
    const tree = builder.done();
    expect(tree.feature.length).toBe(s.decisionTree.nodes.feature.length);
    const got = indices(probes, dims).map((i) => leafValue(tree, 0, probes, dims, i));
    expect(apart(got, s.decisionTree.shares)).toBeLessThan(1e-12);
  });

  it("a row of weight 2 is a row that comes twice", () => {
    const twice = Float64Array.from([...rows, ...rows.subarray(0, 40 * dims)]);
    const grown = (r: Float64Array, l: number[], weights: Float64Array) => {
      const builder = new ForestBuilder();
      builder.plant();
      growCart(builder, { rows: r, dims, labels: l, ranks: ranksOf(r, dims) }, weights, { depth: 4, leafWeight: 6 });
      return builder.done();
    };
    const weights = new Float64Array(n).fill(1).fill(2, 0, 40);
    const a = grown(rows, labels, weights);
    const b = grown(twice, [...labels, ...labels.slice(0, 40)], new Float64Array(n + 40).fill(1));
    expect(a).toEqual(b);
  });

  it("we score its random forest as it does, within 1e-12", () => {
    const forest = loadForest("x", s.randomForest.nodes, dims);
    const out = new Float64Array(count);
    meanValues(forest, probes, dims, count, out, 0);
    expect(apart(out, s.randomForest.shares)).toBeLessThan(1e-12);
  });

  it("we score its isolation forest as it does, within 1e-12", () => {
    const { nodes, samples, sampleRows, scores } = s.isolation;
    const depth = new Float64Array(samples.length);
    for (let i = 0; i < depth.length; i++)
      if (nodes.feature[i] >= 0) for (const child of [nodes.left[i], nodes.right[i]]) depth[child] = depth[i]! + 1;
    const value = samples.map((size: number, i: number) => depth[i]! + averagePath(size));
    const out = new Float64Array(count);
    meanValues(loadForest("x", { ...nodes, value }, dims), probes, dims, count, out, 0);
    const got = out.map((d) => 2 ** (-d / averagePath(sampleRows)));
    expect(apart(got, scores)).toBeLessThan(1e-12);
  });

  const auc = (scores: Float64Array, truth: readonly number[]) => {
    let [wins, pairs] = [0, 0];
    for (const [i, a] of truth.entries())
      for (const [j, b] of truth.entries())
        if (a === 1 && b === 0) {
          pairs++;
          wins += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0;
        }
    return wins / pairs;
  };
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const r = stored("aucs");

  it("our forests find as much as its own: AUC within 0.015 of the mean of five seeds", async () => {
    const seen = Float64Array.from(r.rows);
    const forest = await vectorModels["random-forest"].fit(seen, r.dims, {}, r.labels);
    expect(
      Math.abs(auc(forest.score(Float64Array.from(r.testRows)), r.testLabels) - mean(r.randomForest)),
    ).toBeLessThan(0.015);
    const isolation = await vectorModels["isolation-forest"].fit(seen, r.dims);
    expect(
      Math.abs(auc(isolation.score(Float64Array.from(r.oddRows)), r.oddLabels) - mean(r.isolationForest)),
    ).toBeLessThan(0.015);
  });
});

describe("half-space trees, beside River", () => {
  const { dims, rows, probes, trees, height, windowRows, ...s } = stored("half-space");
  const masses = () => new Float64Array(trees * (2 ** (height + 1) - 1));

  it("learn and score its trees as it does, over two windows, within 1e-12", () => {
    const forest = { trees, height, feature: s.feature, cut: s.cut, reference: masses(), latest: masses() };
    for (let r = 0; r * dims < rows.length; r++) {
      learnRow(forest, rows, dims, r);
      if ((r + 1) % windowRows === 0) turnWindow(forest);
      if (r !== 60 && r !== 119) continue;
      const got = indices(probes, dims).map((i) => strangeness(forest, probes, dims, i, windowRows, 0.1 * windowRows));
      expect(apart(got, r === 60 ? s.after61 : s.after120)).toBeLessThan(1e-12);
    }
  });

  it("our own trees cut inside twice the range of every dimension, and every row reaches one leaf of each", () => {
    const forest = growHalfSpace(new Float64Array(2).fill(10), new Float64Array(2).fill(12), 5, 6, randomOf(3));
    for (const cut of forest.cut) expect(cut > 10 - 4 && cut < 12 + 4).toBe(true);
    for (let i = 0; i < 100; i++) learnRow(forest, [10 + (i % 7) / 3, 12 - (i % 11) / 5], 2);
    const nodes = 2 ** 7 - 1;
    for (let t = 0; t < 5; t++)
      for (let depth = 0; depth <= 6; depth++) {
        const level = forest.latest.subarray(t * nodes + 2 ** depth - 1, t * nodes + 2 ** (depth + 1) - 1);
        expect(level.reduce((a, b) => a + b, 0)).toBe(100);
      }
  });
});

describe("k-means, beside scikit-learn", () => {
  const { dims, ...s } = stored("k-means");
  const rows = Float64Array.from(s.rows);

  it("Lloyd's iterations end at the same centres from the same start, within 1e-9", () => {
    const { centres, inertia } = lloyd(rows, dims, Float64Array.from(s.start), 300);
    expect(apart(centres, s.centres)).toBeLessThan(1e-9);
    expect(inertia / s.inertia).toBeCloseTo(1, 9);
  });

  it("k-means++ starts find its best of ten", () => {
    const random = randomOf(1);
    const found = Array.from({ length: 10 }, () => lloyd(rows, dims, plusPlus(rows, dims, 5, random), 300).inertia);
    expect(Math.min(...found) / s.bestInertia).toBeLessThan(1 + 1e-9);
  });

  it("draws every centre from another place while there is one", () => {
    const three = Float64Array.of(1, 1, 1, 1, 5, 5, 9);
    for (let seed = 0; seed < 20; seed++) expect([...plusPlus(three, 1, 3, randomOf(seed))].sort()).toEqual([1, 5, 9]);
  });
});

describe("the seasonal bank, beside statsmodels", () => {
  const { level, weight, hours, first, forecasts } = stored("seasonal");

  it("expects what ETS(A,N,A) forecasts, to a millionth", () => {
    const bank = seasonal({ levelWeight: level, days: 1 / weight, weekly: false, warmup: 2 });
    bank.resize(1);
    const slot = Uint32Array.of(0);
    const got: number[] = [];
    hours.forEach((value: number, hour: number) => {
      const timeMs = (hour + 0.5) * 3_600_000;
      bank.learn(slot, Float64Array.of(value), timeMs);
      // The hour at hand is learned when the next one begins.
      if (hour >= first + 2) got.push(bank.expected(0, timeMs)!.expected);
    });
    expect(apart(got, forecasts.slice(2))).toBeLessThan(60e-6);
  });
});

describe("the autoencoder's layers, beside Keras", () => {
  const { sizes, rows, start, outputs, steps, rate, trained } = stored("dense");
  const network = { sizes, weights: start.map((w: number[]) => Float32Array.from(w)) };
  const all = Float32Array.from(rows);

  it.each(["wasm", "cpu"] as const)("give its outputs within 1e-5 on %s", async (backend) => {
    await startBackend([backend]);
    expect(apart(run(network, all, 128), outputs)).toBeLessThan(1e-5);
  });

  it.each(["wasm", "cpu"] as const)(
    "have its weights within a tenth of a step after 20 of Adam on %s",
    async (backend) => {
      await startBackend([backend]);
      const how = { seed: 1, epochs: steps, patience: steps, batchRows: rows.length / sizes[0], learningRate: rate };
      const got = await train(network, all, all, how);
      expect(got.epochs).toBe(steps);
      got.network.weights.forEach((w, i) => {
        expect(apart(w, start[i])).toBeGreaterThan(0.05);
        // The two add epsilon to the deviation before and after its bias is taken out.
        expect(apart(w, trained[i])).toBeLessThan(0.1 * rate);
      });
    },
  );
});

describe("the GRU, beside Keras", () => {
  const { inputs, units, steps, batch, rows, weights, states } = stored("gru");

  it.each(["wasm", "cpu"] as const)("gives its states within 1e-5 on %s", async (backend) => {
    await startBackend([backend]);
    const got = tf.tidy(() => {
      const tensors = tensorsOf(
        weights.map((w: number[]) => Float32Array.from(w)),
        gruShapes(inputs, units),
      );
      const whole = tf.tensor3d(rows, [batch, steps, inputs]);
      const each = tf.unstack(whole, 1) as tf.Tensor2D[];
      return gruRun(tensors, each, units).dataSync();
    });
    expect(apart(got, states)).toBeLessThan(1e-5);
  });
});
