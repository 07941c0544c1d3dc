/** What single kinds of vector model promise beyond the laws of all. */
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { evenly } from "../../models/linear/labelled.ts";
import { forecaster } from "../../models/neural/forecaster.ts";
import { gruAutoencoder } from "../../models/neural/gru-autoencoder.ts";
import { vectorModels } from "../../models/vector-model.ts";
import { normal } from "./noise.ts";

const noisy = (seed: number, n: number, dims: number) => {
  const z = normal(seed);
  return Float64Array.from({ length: n * dims }, () => 10 + z());
};

describe("svc", () => {
  /** Incidents are shifted by two deviations in one dimension: the two overlap. */
  const overlapping = (seed: number, n: number) => {
    const z = normal(seed);
    const labels = Uint8Array.from({ length: n }, (_, i) => (i % 4 === 0 ? 1 : 0));
    const rows = Float64Array.from({ length: 2 * n }, (_, i) => 10 + z() + (i % 2 === 0 ? 2 * labels[i >> 1]! : 0));
    return { rows, labels };
  };

  it("gives probabilities: of rows scored about p about a share p are incidents", async () => {
    const { rows, labels } = overlapping(1, 800);
    const model = await vectorModels.svc.fit(rows, 2, {}, labels);
    const fresh = overlapping(2, 4000);
    const scores = model.score(fresh.rows);
    let error = 0; // expected calibration error over ten bins
    for (let bin = 0; bin < 10; bin++) {
      const own = [...scores.keys()].filter((i) => Math.min(9, Math.floor(10 * scores[i]!)) === bin);
      error += Math.abs(own.reduce((sum, i) => sum + scores[i]! - fresh.labels[i]!, 0)) / scores.length;
    }
    expect(error).toBeLessThan(0.05);
  });

  it("learns from one incident row only, and still calls it the likeliest", async () => {
    const rows = noisy(3, 60, 2);
    rows.set([30, 30], 40);
    const model = await vectorModels.svc.fit(
      rows,
      2,
      {},
      Uint8Array.from({ length: 60 }, (_, i) => (i === 20 ? 1 : 0)),
    );
    expect(model.score(Float64Array.of(30, 30))[0]).toBeGreaterThan(Math.max(...model.score(noisy(4, 100, 2))));
  });

  it.each([{ cost: 0 }, { gamma: -1 }, { gamma: Number.NaN }, { maxRows: 3 }])("refuses $0", async (options) => {
    const { rows, labels } = overlapping(1, 100);
    await expect(vectorModels.svc.fit(rows, 2, options, labels)).rejects.toThrow(Object.keys(options)[0]);
  });
});

describe("bounds", () => {
  it("rows beyond maxRows are left out evenly over time, incidents last", async () => {
    expect(evenly([...Array(10).keys()], 5)).toEqual([0, 2, 4, 6, 8]);
    const rows = noisy(5, 3000, 3);
    const labels = Uint8Array.from({ length: 3000 }, (_, i) => (i % 100 === 0 ? 1 : 0));
    for (const i of labels.keys()) if (labels[i]) rows[3 * i]! += 10;
    const model = await vectorModels.svc.fit(rows, 3, { maxRows: 200 }, labels);
    expect(model.save().values.coefficients!.length).toBeLessThanOrEqual(200);
    expect(model.score(Float64Array.of(20, 10, 10))[0]).toBeGreaterThan(0.5);
    const one = await vectorModels["one-class-svm"].fit(rows, 3, { maxRows: 200 });
    expect(one.save().values.coefficients!.length).toBeLessThanOrEqual(200);
  });

  it.each([
    ["random-forest", { trees: 0 }],
    ["random-forest", { depth: 0 }],
    ["decision-tree", { leafRows: 0 }],
    ["isolation-forest", { sampleRows: 1 }],
    ["half-space-trees", { height: 16 }],
    ["half-space-trees", { trees: 2.5 }],
    ["half-space-trees", { windowRows: 2 }],
    ["k-means", { clusters: 0 }],
    ["one-class-svm", { nu: 1 }],
    ["forecaster", { steps: 0 }],
    ["forecaster", { heldOut: 0.9 }],
    ["gru-autoencoder", { units: 1.5 }],
  ] as const)("%s refuses %o", async (name, options) => {
    const labels = Uint8Array.from({ length: 40 }, (_, i) => i % 2);
    const fitted = vectorModels[name].fit(noisy(6, 40, 2), 2, options as never, labels);
    await expect(fitted).rejects.toThrow(Object.keys(options)[0]);
  });

  it("refuses states whose arrays lead astray", async () => {
    const rows = noisy(7, 64, 2);
    const forest = (await vectorModels["isolation-forest"].fit(rows, 2)).save();
    const loop = { ...forest, values: { ...forest.values, left: forest.values.left!.map(() => 0) } };
    await expect(vectorModels["isolation-forest"].load(loop)).rejects.toThrow(/broken/);
    const half = (await vectorModels["half-space-trees"].fit(rows, 2)).save();
    const wide = { ...half, values: { ...half.values, feature: half.values.feature!.map(() => 9) } };
    await expect(vectorModels["half-space-trees"].load(wide)).rejects.toThrow(/broken/);
    const svm = (await vectorModels["one-class-svm"].fit(rows, 2)).save();
    const short = { ...svm, values: { ...svm.values, vectors: [1] } };
    await expect(vectorModels["one-class-svm"].load(short)).rejects.toThrow(/broken/);
    const cast = (await vectorModels.forecaster.fit(rows, 2, { epochs: 1 })).save();
    const few = { ...cast, values: { ...cast.values, weights: [1, 2] } };
    await expect(vectorModels.forecaster.load(few)).rejects.toThrow(/broken/);
  });
});

describe("models of sequences", () => {
  const how = { steps: 6, epochs: 25, patience: 5 };
  /** Two waves of period 12, a quarter apart, with a little noise. */
  const waves = (seed: number, n: number) => {
    const z = normal(seed);
    const at = (i: number) => (2 * Math.PI * (i >> 1)) / 12 + (i % 2) * (Math.PI / 2);
    return Float64Array.from({ length: 2 * n }, (_, i) => 10 + Math.sin(at(i)) + 0.05 * z());
  };

  it.each([
    ["forecaster", forecaster],
    ["gru-autoencoder", gruAutoencoder],
  ] as const)("%s sees a row that only its time makes odd, which no model of single rows can", async (_, kind) => {
    const model = await kind.fit(waves(1, 400), 2, how);
    const rows = waves(2, 400);
    const jump = rows.slice();
    const at = 200;
    jump.set(rows.subarray(2 * (at + 6), 2 * (at + 6) + 2), 2 * at); // half a period ahead: a usual row elsewhere
    const usual = model.score(rows).subarray(model.context).sort();
    expect(model.score(jump)[at]).toBeGreaterThan(usual[Math.floor(0.99 * usual.length)]!);
    const single = await vectorModels.mahalanobis.fit(waves(1, 600), 2);
    const level = single.score(rows).sort();
    expect(single.score(jump)[at]).toBeLessThan(level[Math.floor(0.99 * level.length)]!);
  });

  it("leaves gaps and rows without values out of the context, not the rows after them", async () => {
    const model = await forecaster.fit(waves(1, 300), 2, { ...how, epochs: 10 });
    const rows = waves(3, 60);
    rows.fill(Number.NaN, 60, 62);
    const scores = model.score(rows);
    expect([...scores.keys()].filter((r) => Number.isNaN(scores[r]!))).toEqual([0, 1, 2, 3, 4, 5, 30]);
  });

  it("keeps no tensor, learns other weights from another seed", async () => {
    const rows = waves(4, 120);
    const first = await forecaster.fit(rows, 2, { epochs: 2 });
    const before = tf.memory().numTensors;
    for (const kind of [forecaster, gruAutoencoder]) {
      const model = await kind.fit(rows, 2, { epochs: 2, seed: 2 });
      model.score(rows);
      (await kind.load(model.save())).contributions(rows.subarray(0, 2 * (model.context + 1)));
      await expect(kind.fit(rows, 2, { learningRate: 0 })).rejects.toThrow(/learningRate/);
      if (kind === forecaster) expect(model.save().values.weights).not.toEqual(first.save().values.weights);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it("stops when the held-out loss does, and never goes beyond its epochs", async () => {
    const model = await forecaster.fit(noisy(9, 200, 2), 2, { epochs: 60, patience: 2, steps: 3 });
    expect(model.epochs).toBeLessThan(60);
    expect((await forecaster.fit(waves(1, 200), 2, { epochs: 3 })).epochs).toBeLessThanOrEqual(3);
  });

  it("says how many rows it needs", async () => {
    await expect(forecaster.fit(noisy(1, 12, 2), 2)).rejects.toThrow(/at least 8/);
  });
});
