/** A trained support vector machine with the kernel exp(-gamma |x - v|^2), as plain numbers. */
export interface KernelMachine {
  readonly dims: number;
  readonly gamma: number;
  readonly rho: number;
  /** Support vectors, [vectors, dims]. */
  readonly vectors: Float64Array;
  /** [vectors]; positive for the side whose decision is positive. */
  readonly coefficients: Float64Array;
}

/** sum_i coefficients_i exp(-gamma |x - v_i|^2) of row `index` of `rows` [rows, dims]. O(vectors * dims). */
export function kernelSum(machine: KernelMachine, rows: ArrayLike<number>, index = 0): number {
  const { dims, gamma, vectors, coefficients } = machine;
  const from = index * dims;
  let sum = 0;
  for (let i = 0, v = 0; i < coefficients.length; i++) {
    let square = 0;
    for (let d = 0; d < dims; d++, v++) {
      const away = rows[from + d]! - vectors[v]!;
      square += away * away;
    }
    sum += coefficients[i]! * Math.exp(-gamma * square);
  }
  return sum;
}

/** What libsvm calls the decision value. */
export function decision(machine: KernelMachine, rows: ArrayLike<number>, index = 0): number {
  return kernelSum(machine, rows, index) - machine.rho;
}

/** 1 / (dims * variance of all values), 1 where nothing varies: what scikit-learn calls `gamma="scale"`. */
export function scaleGamma(rows: Float64Array, dims: number): number {
  const mean = rows.reduce((a, b) => a + b, 0) / rows.length;
  const variance = rows.reduce((sum, v) => sum + (v - mean) ** 2, 0) / rows.length;
  return variance > 0 ? 1 / (dims * variance) : 1;
}

/** For a state's `values`. */
export function saveMachine({ dims, gamma, rho, vectors, coefficients }: KernelMachine) {
  return { machine: [dims, gamma, rho], vectors: [...vectors], coefficients: [...coefficients] };
}

/** @throws RangeError unless the shapes fit together */
export function loadMachine(
  name: string,
  { machine, vectors, coefficients }: Record<"machine" | "vectors" | "coefficients", Float64Array>,
): KernelMachine {
  const [dims = 0, gamma = Number.NaN, rho = Number.NaN] = machine;
  if (!(gamma > 0) || Number.isNaN(rho) || vectors.length !== dims * coefficients.length)
    throw new RangeError(`${name}: the state is broken: its support vectors do not fit their coefficients`);
  return { dims, gamma, rho, vectors, coefficients };
}
