import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs-core";
import { Matrix } from "ml-matrix";
import { describe, expect, it, vi } from "vitest";
import { moments, shrunkCovariance } from "../../models/linear/covariance.ts";
import { fitInputs } from "../../models/linear/inputs.ts";
import { mahalanobis } from "../../models/linear/mahalanobis.ts";
import { pca, speLimit } from "../../models/linear/pca.ts";
import { trainingRows } from "../../models/linear/training.ts";
import { autoencoder } from "../../models/neural/autoencoder.ts";
import { backendLoaders, startBackend } from "../../models/neural/backend.ts";
import { type VectorModelName, vectorModels } from "../../models/vector-model.ts";
import { checkVectorModel, type Sight } from "../conformance/vector-model.ts";
import { normal } from "./noise.ts";

// Recurrent networks train for several seconds a test, and for over thirty where others use the processor.
vi.setConfig({ testTimeout: 120_000 });

/** What each kind sees with its default options, and what users are told in docs/models.md. */
const SIGHT: Record<VectorModelName, Sight> = {
  pca: "relations",
  mahalanobis: "relations",
  "k-means": "one level",
  svc: "relations",
  "one-class-svm": "one level",
  "decision-tree": "one level",
  "random-forest": "one level",
  "isolation-forest": "several levels",
  "half-space-trees": "several levels",
  autoencoder: "relations",
  "gru-autoencoder": "relations",
  forecaster: "relations",
};
for (const [key, kind] of Object.entries(vectorModels)) {
  const name = key as VectorModelName;
  checkVectorModel(name, kind, SIGHT[name]);
}

/** Twelve rows and three probes; medians 0, 0 (so -0.5..0.5) and 0: the relative floor is off. */
const ROWS = Float64Array.of(
  ...[2, 1, 0, -1, 0, 3, 4, 3, -2, -3, -2, 1, 0, 1, -4, 5, 3, 2],
  ...[-4, -4, -1, 1, 0, 5, -2, -1, -3, 3, 2, 4, -5, -3, 0, 0, -1, -5],
);
const PROBES = Float64Array.of(2, -2, 0, 1, 1, 1, 0, 0, 9);
const close = (got: Iterable<number>, want: readonly number[], digits = 9) =>
  [...got].forEach((v, i) => {
    expect(v).toBeCloseTo(want[i]!, digits);
  });

/*
 * Made with numpy 2.4.6 and scikit-learn 1.9.1: z = (X - median) / (1.4826022185056018 MAD), m = z.mean(0);
 * LedoitWolf().fit(z).covariance_ + 1e-4 I, (z - m)' C^-1 (z - m) / 3; np.linalg.eigh(np.cov(z.T, bias=True)).
 */
describe("reference values", () => {
  it("shrinks as scikit-learn does", () => {
    const seen = moments(trainingRows("x", fitInputs("x", ROWS, 3, {}), ROWS), 3);
    expect(shrunkCovariance(seen).shrinkage).toBeCloseTo(0.24979488256834861, 12);
  });

  it("gives Mahalanobis distances as numpy does, those of a gap as the marginal distribution has them", async () => {
    const model = await mahalanobis.fit(ROWS, 3);
    close(model.score(PROBES), [1.4691157922371734, 0.11431913971857083, 2.9216988345443533]);
    const gappy = PROBES.map((v, i) => (i % 3 === 2 ? Number.NaN : v));
    close(model.score(gappy), [2.2034326081066276, 0.13686858141763483, 0.001651313586826653]);
  });

  it("gives as contribution what the distance loses when that dimension is left out", async () => {
    const model = await mahalanobis.fit(ROWS, 3);
    const loss = [0.47173042003318644, 0.5282055042610608, 6.407570575275329e-5];
    close(model.contributions(PROBES.slice(0, 3)), loss);
  });

  it("gives SPE, T2 and their limits as numpy and scipy.stats.chi2.ppf do", async () => {
    const model = await pca.fit(ROWS, 3);
    expect(model.components).toBe(2);
    const got = [0, 1, 2].map((r) => model.statistics(PROBES.slice(3 * r, 3 * r + 3))!);
    const spe = [0.934221429618299, 0.012661885059185684, 0.007459030294022942];
    const t2 = [0.07027582789082783, 0.25280829361880636, 9.140010370545552];
    close(
      got.map((g) => g.spe),
      spe,
    );
    close(
      got.map((g) => g.t2),
      t2,
    );
    expect(model.limits.spe).toBeCloseTo(0.38669464225800043, 9);
    expect(model.limits.t2 / 13.215452443020686).toBeCloseTo(1, 1); // Wilson-Hilferty is an approximation
    close(
      model.score(PROBES),
      spe.map((q, i) => q / model.limits.spe + t2[i]! / model.limits.t2),
    );
  });

  it("limits SPE as Jackson & Mudholkar do: 6.40, where 5,000,000 simulated rows have their 99.87 % at 6.04", () => {
    expect(speLimit([0.5, 0.3, 0.2, 0.1], 3)).toBeCloseTo(6.400435790853537, 9);
  });

  it("whitens: on its own training rows the mean squared distance is one", () => {
    const seen = moments(ROWS, 3);
    const direct = new Matrix(12, 3);
    for (let i = 0; i < ROWS.length; i++) direct.set(Math.floor(i / 3), i % 3, ROWS[i]! - seen.mean[i % 3]!);
    close(seen.covariance.to1DArray(), direct.transpose().mmul(direct).div(12).to1DArray(), 12);
  });
});

describe("autoencoder", () => {
  const z = normal(5);
  const rows = Float64Array.from({ length: 400 * 4 }, () => 10 + z());
  /** x, x, -x and x^2, each with a little noise: the last is uncorrelated, yet the others tell it. */
  const parabola = (n: number) => {
    const point = (x: number) => [x, x + 0.1 * z(), 0.1 * z() - x, x ** 2 + 0.1 * z()];
    return Float64Array.from(Array.from({ length: n }, (_, i) => point(((i * 1.618) % 4) - 2)).flat());
  };

  it("learns other weights from another seed, and says which backend it runs on", async () => {
    const [a, b] = [await autoencoder.fit(rows, 4, { seed: 1 }), await autoencoder.fit(rows, 4, { seed: 2 })];
    expect(a.save().values.weights).not.toEqual(b.save().values.weights);
    expect(["native", "wasm", "cpu"]).toContain(a.backend.name);
    expect(a.backend.why).toContain(`${a.backend.name} loaded`);
  });

  it("learns a curved relation that linear models can't", async () => {
    const above = Float64Array.of(0, 0, 0, 2.5);
    const usual = parabola(500);
    const curved = await autoencoder.fit(usual, 4, { code: 1, epochs: 300, patience: 40 });
    const linear = await mahalanobis.fit(usual, 4);
    const share = (scores: Float64Array, score: number) => scores.filter((s) => s > score).length / scores.length;
    expect(share(curved.score(usual), curved.score(above)[0]!)).toBeLessThan(0.005);
    expect(share(linear.score(usual), linear.score(above)[0]!)).toBeGreaterThan(0.2);
  });

  it("never trains on its held-out tail: another order in it changes no weight", async () => {
    const cut = 320 * 4;
    const tail = Array.from({ length: 80 }, (_, r) => [...rows.slice(cut + 4 * r, cut + 4 * r + 4)]);
    const turned = Float64Array.of(...rows.slice(0, cut), ...tail.reverse().flat());
    const how = { epochs: 5, patience: 5 };
    const [a, b] = [await autoencoder.fit(rows, 4, how), await autoencoder.fit(turned, 4, how)];
    expect(b.save().values.weights).toEqual(a.save().values.weights);
  });

  it("keeps no tensor", async () => {
    const model = await autoencoder.fit(rows, 4, { epochs: 2 });
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const again = await autoencoder.fit(rows, 4, { epochs: 2, seed: i });
      again.score(rows);
      again.contributions(rows.slice(0, 4));
      (await autoencoder.load(model.save())).score(rows);
    }
    await expect(autoencoder.fit(rows, 4, { heldOut: 0.9 })).rejects.toThrow(/heldOut/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([{ epochs: 0 }, { patience: 0 }, { batchRows: 0 }, { learningRate: 0 }, { hidden: 1.5 }, { code: 0 }])(
    "refuses $0",
    async (options) => {
      await expect(autoencoder.fit(rows, 4, options)).rejects.toThrow(Object.keys(options)[0]);
    },
  );
});

describe("backend", () => {
  it("trains to nearly the same model on wasm and on cpu", async () => {
    const z = normal(6);
    const rows = Float64Array.from({ length: 300 * 3 }, () => z());
    const scores = [];
    for (const backend of ["wasm", "cpu", "wasm"] as const) {
      const model = await autoencoder.fit(rows, 3, { backends: [backend], epochs: 20 });
      expect(model.backend).toEqual({ name: backend, why: `${backend} loaded` });
      scores.push(model.score(rows));
      expect((await autoencoder.load(model.save())).backend.name).toBe(backend);
    }
    expect(scores[2]).toEqual(scores[0]);
    close(scores[1]!, [...scores[0]!], 2);
  });

  it("goes on to the next when one fails, and says why", async () => {
    const fails = async () => {
      throw new Error("libtensorflow.so.2: cannot open\nRequire stack: ...");
    };
    const loaders = { ...backendLoaders, native: fails };
    expect(await startBackend(undefined, loaders)).toEqual({
      name: "wasm",
      why: "native did not load: libtensorflow.so.2: cannot open; wasm loaded",
    });
    await expect(startBackend(["native"], loaders)).rejects.toThrow("no tfjs backend: native did not load");
  });

  it("leaves no listener of the wasm build on the process", async () => {
    await startBackend(["wasm"]);
    for (const event of ["uncaughtException", "unhandledRejection"])
      expect(process.rawListeners(event).filter((l) => /ExitStatus|throw reason/.test(`${l}`))).toEqual([]);
  });

  it("shares one tfjs-core between all parts of tfjs", () => {
    const here = createRequire(import.meta.url);
    const core = here.resolve("@tensorflow/tfjs-core");
    for (const part of ["tfjs-layers", "tfjs-backend-wasm", "tfjs-backend-cpu"]) {
      const there = createRequire(here.resolve(`@tensorflow/${part}`));
      expect(there.resolve("@tensorflow/tfjs-core")).toBe(core);
    }
  });

  it("costs nothing until a neural model is used", () => {
    const code = `
      const { vectorModels } = await import("./models/vector-model.ts");
      const before = "_tfGlobals" in globalThis || "_tfengine" in globalThis;
      await vectorModels.pca.fit(Float64Array.from({ length: 40 }, (_, i) => i * i), 2);
      process.stdout.write(String(before || "_tfGlobals" in globalThis || "_tfengine" in globalThis));`;
    const args = ["--import", "tsx", "--input-type=module", "--eval", code];
    expect(execFileSync(process.execPath, args, { cwd: `${import.meta.dirname}/../..`, encoding: "utf8" })).toBe(
      "false",
    );
  });
});
