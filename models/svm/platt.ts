/** Probability of label 1 at decision value f: 1 / (1 + exp(a f + b)). */
export interface Sigmoid {
  readonly a: number;
  readonly b: number;
}

const STEPS = 100;
const LEAST_STEP = 1e-10;
const RIDGE = 1e-12;
const ENOUGH = 1e-5;

export function probability({ a, b }: Sigmoid, value: number): number {
  const x = a * value + b;
  return x >= 0 ? Math.exp(-x) / (1 + Math.exp(-x)) : 1 / (1 + Math.exp(x));
}

/**
 * The likeliest sigmoid of decision values and labels (1, 0), labels drawn in from 0 and 1 by how few there are:
 * Newton's method with backtracking. O(values).
 * @see Platt 1999, "Probabilistic Outputs for Support Vector Machines"; Lin, Lin & Weng 2007, Mach. Learn. 68(3)
 */
export function fitSigmoid(values: Float64Array, labels: ArrayLike<number>): Sigmoid {
  let ones = 0;
  for (let i = 0; i < values.length; i++) ones += labels[i]!;
  const zeros = values.length - ones;
  const [high, low] = [(ones + 1) / (ones + 2), 1 / (zeros + 2)];
  const target = Float64Array.from(values, (_, i) => (labels[i] === 1 ? high : low));
  const loss = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const x = a * values[i]! + b;
      sum += x >= 0 ? target[i]! * x + Math.log1p(Math.exp(-x)) : (target[i]! - 1) * x + Math.log1p(Math.exp(x));
    }
    return sum;
  };
  let [a, b] = [0, Math.log((zeros + 1) / (ones + 1))];
  let now = loss(a, b);
  for (let step = 0; step < STEPS; step++) {
    let [h11, h22, h21, g1, g2] = [RIDGE, RIDGE, 0, 0, 0];
    for (let i = 0; i < values.length; i++) {
      const p = probability({ a, b }, values[i]!);
      const [curve, slope] = [p * (1 - p), target[i]! - p];
      h11 += values[i]! ** 2 * curve;
      h22 += curve;
      h21 += values[i]! * curve;
      g1 += values[i]! * slope;
      g2 += slope;
    }
    if (Math.abs(g1) < ENOUGH && Math.abs(g2) < ENOUGH) break;
    const determinant = h11 * h22 - h21 * h21;
    const da = -(h22 * g1 - h21 * g2) / determinant;
    const db = -(h11 * g2 - h21 * g1) / determinant;
    const fall = g1 * da + g2 * db;
    let size = 1;
    while (size >= LEAST_STEP && loss(a + size * da, b + size * db) >= now + 1e-4 * size * fall) size /= 2;
    if (size < LEAST_STEP) break;
    a += size * da;
    b += size * db;
    now = loss(a, b);
  }
  return { a, b };
}
