/**
 * Autoregression of order 10 with a constant, fitted by recursive least squares without forgetting, in a row of doubles:
 * the last inputs, the weights, the inverse correlation [11, 11]. About 270 multiply-adds a step.
 * @see Haykin 2002, "Adaptive filter theory", ch. 9
 */
const ORDER = 10;
const TERMS = ORDER + 1;
const WEIGHTS = ORDER;
const INVERSE = WEIGHTS + TERMS;
/** Doubles of one series. */
export const AR_DOUBLES = INVERSE + TERMS * TERMS;
/** A weight learns from an error of at most this much: one wild row must not turn the model. */
const CLIP = 5;

const gain = new Float64Array(TERMS);

/** A fresh model at `at`: the inverse correlation is the identity. */
export function startAr(data: Float64Array, at: number): void {
  data.fill(0, at, at + AR_DOUBLES);
  for (let j = 0; j < TERMS; j++) data[at + INVERSE + j * (TERMS + 1)] = 1;
}

/**
 * Error of the forecast of `u` from the ten inputs before it; then learns it. Rows of the matrix are written out: in
 * registers, without loops, they take a third of the time.
 */
export function stepAr(data: Float64Array, at: number, u: number): number {
  const x0 = data[at]!;
  const x1 = data[at + 1]!;
  const x2 = data[at + 2]!;
  const x3 = data[at + 3]!;
  const x4 = data[at + 4]!;
  const x5 = data[at + 5]!;
  const x6 = data[at + 6]!;
  const x7 = data[at + 7]!;
  const x8 = data[at + 8]!;
  const x9 = data[at + 9]!;
  const w = at + WEIGHTS;
  const forecast =
    data[w]! * x0 +
    data[w + 1]! * x1 +
    data[w + 2]! * x2 +
    data[w + 3]! * x3 +
    data[w + 4]! * x4 +
    data[w + 5]! * x5 +
    data[w + 6]! * x6 +
    data[w + 7]! * x7 +
    data[w + 8]! * x8 +
    data[w + 9]! * x9 +
    data[w + 10]!;
  const error = u - forecast;
  let norm = 1;
  let p = at + INVERSE;
  for (let j = 0; j < TERMS; j++) {
    const sum =
      data[p]! * x0 +
      data[p + 1]! * x1 +
      data[p + 2]! * x2 +
      data[p + 3]! * x3 +
      data[p + 4]! * x4 +
      data[p + 5]! * x5 +
      data[p + 6]! * x6 +
      data[p + 7]! * x7 +
      data[p + 8]! * x8 +
      data[p + 9]! * x9 +
      data[p + 10]!;
    gain[j] = sum;
    norm += j < ORDER ? sum * data[at + j]! : sum;
    p += TERMS;
  }
  const scale = 1 / norm;
  const step = (error > CLIP ? CLIP : error < -CLIP ? -CLIP : error) * scale;
  const g0 = gain[0]!;
  const g1 = gain[1]!;
  const g2 = gain[2]!;
  const g3 = gain[3]!;
  const g4 = gain[4]!;
  const g5 = gain[5]!;
  const g6 = gain[6]!;
  const g7 = gain[7]!;
  const g8 = gain[8]!;
  const g9 = gain[9]!;
  const g10 = gain[10]!;
  p = at + INVERSE;
  for (let j = 0; j < TERMS; j++) {
    const g = gain[j]!;
    data[w + j] = data[w + j]! + g * step;
    const shrunk = g * scale;
    data[p] = data[p]! - shrunk * g0;
    data[p + 1] = data[p + 1]! - shrunk * g1;
    data[p + 2] = data[p + 2]! - shrunk * g2;
    data[p + 3] = data[p + 3]! - shrunk * g3;
    data[p + 4] = data[p + 4]! - shrunk * g4;
    data[p + 5] = data[p + 5]! - shrunk * g5;
    data[p + 6] = data[p + 6]! - shrunk * g6;
    data[p + 7] = data[p + 7]! - shrunk * g7;
    data[p + 8] = data[p + 8]! - shrunk * g8;
    data[p + 9] = data[p + 9]! - shrunk * g9;
    data[p + 10] = data[p + 10]! - shrunk * g10;
    p += TERMS;
  }
  data[at + 9] = x8;
  data[at + 8] = x7;
  data[at + 7] = x6;
  data[at + 6] = x5;
  data[at + 5] = x4;
  data[at + 4] = x3;
  data[at + 3] = x2;
  data[at + 2] = x1;
  data[at + 1] = x0;
  data[at] = u;
  return error;
}
