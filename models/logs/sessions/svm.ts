import { decision, type KernelMachine, loadMachine, saveMachine } from "../../svm/kernel-machine.ts";
import { trainMachine } from "../../svm/libsvm.ts";
import { checkedLabels, flat } from "./decision-tree.ts";
import { checkSessions, checkState, type SessionModel, type SessionModelKind } from "./session-model.ts";
import { fitFeatures, loadFeatures, type SavedFeatures, type SessionFeatures } from "./supervised-features.ts";

export interface SvmOptions {
  cost?: number;
}

interface Saved {
  readonly features: SavedFeatures;
  /** Mean and scale of each feature. */
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly machine: ReturnType<typeof saveMachine>;
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
    const { dims } = features;
    const rows = flat(data.rows, dims).map((v, i) => (v - mean[i % dims]!) / scale[i % dims]!);
    const machine = await trainMachine(rows, dims, 1 / dims, { type: "c-svc", labels: data.labels, cost });
    return model(features, mean, scale, machine);
  },
  async load(state) {
    checkState(name, state);
    const { features, mean, scale, machine } = state.values as Saved;
    const numbers = Object.entries(machine).map(([key, values]) => [key, Float64Array.from(values)]);
    return model(loadFeatures(features), mean, scale, loadMachine(name, Object.fromEntries(numbers)));
  },
};

function model(
  features: SessionFeatures,
  mean: readonly number[],
  scale: readonly number[],
  machine: KernelMachine,
): SessionModel {
  return {
    name,
    threshold: 0.5,
    score(session) {
      const x = features.of(session).map((v, d) => (v - mean[d]!) / scale[d]!);
      return 1 / (1 + Math.exp(-2 * decision(machine, x)));
    },
    save: () => ({
      kind: name,
      version: 1,
      values: { features: features.save(), mean, scale, machine: saveMachine(machine) } satisfies Saved,
    }),
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
