import { type KernelMachine, kernelSum } from "./kernel-machine.ts";

export interface CSvcProblem {
  readonly type: "c-svc";
  /** 1 for the side whose decision is positive, 0 for the other; both must occur. */
  readonly labels: ArrayLike<number>;
  readonly cost: number;
}

export interface OneClassProblem {
  readonly type: "one-class";
  /** Share of rows that may lie outside, (0, 1). */
  readonly nu: number;
}

/** Where libsvm stops: the largest violation of the optimality conditions. Its default, and scikit-learn's. */
const TOLERANCE = 1e-3;
const CACHE_MEGABYTES = 64;

/**
 * Trains an RBF machine on rows [rows, dims] by libsvm. Its text form rounds gamma, rho and the vectors to 6 to 8
 * digits: so gamma and vectors are taken from what was given, and rho is made again from the free support vectors.
 * Deterministic. O(rows^2 * dims) time and more for hard problems. @throws RangeError on a row that is not finite
 * @see Chang & Lin 2011, ACM TIST 2(3)
 */
export async function trainMachine(
  rows: Float64Array,
  dims: number,
  gamma: number,
  problem: CSvcProblem | OneClassProblem,
): Promise<KernelMachine> {
  if (!rows.every(Number.isFinite)) throw new RangeError("libsvm: a row holds a value that is not finite");
  const { default: Svm } = await import("libsvm-js/asm.js");
  const n = rows.length / dims;
  const samples = Array.from({ length: n }, (_, r) => [...rows.subarray(r * dims, (r + 1) * dims)]);
  const labels = Array.from({ length: n }, (_, r) => (problem.type === "c-svc" ? problem.labels[r]! : 1));
  const trainer = new Svm({
    type: problem.type === "c-svc" ? Svm.SVM_TYPES.C_SVC : Svm.SVM_TYPES.ONE_CLASS,
    kernel: Svm.KERNEL_TYPES.RBF,
    gamma,
    ...(problem.type === "c-svc" ? { cost: problem.cost } : { nu: problem.nu }),
    tolerance: TOLERANCE,
    cacheSize: CACHE_MEGABYTES,
    quiet: true,
  });
  try {
    trainer.train(samples, labels);
    const indices = trainer.getSVIndices();
    const { sign, rho, coefficients } = readModel(trainer.serializeModel(), problem.type);
    const vectors = new Float64Array(indices.length * dims);
    for (const [i, r] of indices.entries()) vectors.set(rows.subarray(r * dims, (r + 1) * dims), i * dims);
    const machine = { dims, gamma, rho: sign * rho, vectors, coefficients: coefficients.map((c) => sign * c) };
    const bound = problem.type === "c-svc" ? problem.cost : 1;
    const target = (i: number) => (problem.type === "c-svc" ? (labels[indices[i]!] === 1 ? 1 : -1) : 0);
    return { ...machine, rho: rhoOf(machine, bound, target) };
  } finally {
    trainer.free();
  }
}

/** Reads libsvm's text form: header lines, `SV`, then `coefficient index:value ...` a line. */
function readModel(text: string, type: string): { sign: number; rho: number; coefficients: Float64Array } {
  const [head = "", body = ""] = text.split("\nSV\n");
  const field = (key: string) => new RegExp(`^${key} (.*)$`, "m").exec(head)?.[1] ?? "";
  const first = Number(field("label").split(" ")[0]);
  const sign = type === "one-class" || first === 1 ? 1 : -1; // the decision is positive for the label it met first
  const lines = body.trim() === "" ? [] : body.trim().split("\n");
  return { sign, rho: Number(field("rho")), coefficients: Float64Array.from(lines, (line) => Number.parseFloat(line)) };
}

/** Mean over the vectors strictly inside their bounds of kernel sum - target; libsvm's own where there are none. */
function rhoOf(machine: KernelMachine, bound: number, target: (vector: number) => number): number {
  let sum = 0;
  let free = 0;
  for (const [i, c] of machine.coefficients.entries()) {
    const size = Math.abs(c);
    if (size <= 1e-9 * bound || size >= bound * (1 - 1e-9)) continue;
    sum += kernelSum(machine, machine.vectors, i) - target(i);
    free++;
  }
  return free > 0 ? sum / free : machine.rho;
}
