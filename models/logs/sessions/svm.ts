import { checkedLabels } from "./decision-tree.ts";
import { checkSessions, checkState, type SessionModel, type SessionModelKind } from "./session-model.ts";
import { fitFeatures, loadFeatures, type SavedFeatures } from "./supervised-features.ts";

export interface SvmOptions {
  cost?: number;
}

interface Kernel {
  readonly gamma: number;
  readonly rho: number;
  readonly vectors: readonly (readonly number[])[];
  /** Positive for the anomalous side. */
  readonly coefficients: readonly number[];
}

interface Saved {
  readonly features: SavedFeatures;
  /** Mean and scale of each feature. */
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly kernel: Kernel;
}

const name = "svm";

/**
 * C-SVC with an RBF kernel (gamma = 1 / features) on standardised event counts and the distance to the nearest normal
 * session, one row for each distinct count vector. Score: the decision value through a logistic curve, in (0, 1),
 * threshold 0.5. libsvm trains; scoring is ours, from the support vectors, so that a saved model is numbers only.
 * @see Chang & Lin 2011, ACM TIST 2(3)
 */
export const svm: SessionModelKind<SvmOptions> = {
  async fit(sessions, labels, { falseAlarms = 0.003, cost = 10 } = {}) {
    checkSessions(name, sessions, falseAlarms);
    const { features, data } = fitFeatures(sessions, checkedLabels(name, sessions.length, labels));
    const { mean, scale } = standard(data.rows);
    const rows = data.rows.map((r) => [...r].map((v, d) => (v - mean[d]!) / scale[d]!));
    const { default: Svm } = await import("libsvm-js/asm.js");
    const gamma = 1 / features.dims;
    const trainer = new Svm({
      type: Svm.SVM_TYPES.C_SVC,
      kernel: Svm.KERNEL_TYPES.RBF,
      gamma,
      cost,
      quiet: true,
    });
    try {
      trainer.train(rows, data.labels);
      return model({ features: features.save(), mean, scale, kernel: parsed(trainer.serializeModel(), features.dims) });
    } finally {
      trainer.free();
    }
  },
  async load(state) {
    checkState(name, state);
    return model(state.values as Saved);
  },
};

function model(saved: Saved): SessionModel {
  const { mean, scale, kernel } = saved;
  const features = loadFeatures(saved.features);
  return {
    name,
    threshold: 0.5,
    score(session) {
      const x = features.of(session).map((v, d) => (v - mean[d]!) / scale[d]!);
      let decision = -kernel.rho;
      for (const [i, vector] of kernel.vectors.entries()) {
        let square = 0;
        for (let d = 0; d < x.length; d++) square += (x[d]! - vector[d]!) ** 2;
        decision += kernel.coefficients[i]! * Math.exp(-kernel.gamma * square);
      }
      return 1 / (1 + Math.exp(-2 * decision));
    },
    save: () => ({ kind: name, version: 1, values: saved }),
  };
}

function standard(rows: readonly Float64Array[]): { mean: number[]; scale: number[] } {
  const dims = rows[0]?.length ?? 0;
  const mean = Array.from({ length: dims }, (_, d) => rows.reduce((s, r) => s + r[d]!, 0) / rows.length);
  const scale = mean.map((m, d) => {
    const deviation = Math.sqrt(rows.reduce((s, r) => s + (r[d]! - m) ** 2, 0) / rows.length);
    return deviation > 0 ? deviation : 1;
  });
  return { mean, scale };
}

/** Reads libsvm's text form: header lines, `SV`, then `coefficient index:value ...` a line. */
function parsed(text: string, dims: number): Kernel {
  const [head, body] = text.split("\nSV\n") as [string, string];
  const field = (key: string) => new RegExp(`^${key} (.*)$`, "m").exec(head)?.[1] ?? "";
  const first = Number(field("label").split(" ")[0]);
  const sign = first === 1 ? 1 : -1; // libsvm's decision is positive for the label it met first
  const base = /\s0:/.test(body) ? 0 : 1; // features are numbered from 0 or 1, by version
  const vectors: number[][] = [];
  const coefficients: number[] = [];
  for (const line of body.trim().split("\n")) {
    const [coefficient, ...values] = line.trim().split(/\s+/);
    const vector = new Array<number>(dims).fill(0);
    for (const v of values) {
      const [index, value] = v.split(":").map(Number) as [number, number];
      vector[index - base] = value;
    }
    vectors.push(vector);
    coefficients.push(sign * Number(coefficient));
  }
  return { gamma: Number(field("gamma")), rho: sign * Number(field("rho")), vectors, coefficients };
}
