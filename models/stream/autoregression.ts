/**
 * Autoregression of order 10 with a constant, fitted by recursive least squares without forgetting, in a row of doubles:
 * the last inputs, the weights, the lower triangle of the inverse correlation. About 200 multiply-adds a step.
 * @see Haykin 2002, "Adaptive filter theory", ch. 9
 */
const ORDER = 10;
const TERMS = ORDER + 1;
const WEIGHTS = ORDER;
const INVERSE = WEIGHTS + TERMS;
/** Doubles of one series. */
export const AR_DOUBLES = INVERSE + (TERMS * (TERMS + 1)) / 2;
/** A weight learns from an error of at most this much: one wild row must not turn the model. */
const CLIP = 5;

const x = new Float64Array(TERMS);
const gain = new Float64Array(TERMS);

/** A fresh model at `at`: the inverse correlation is the identity. */
export function startAr(data: Float64Array, at: number): void {
  data.fill(0, at, at + AR_DOUBLES);
  for (let j = 0; j < TERMS; j++) data[at + INVERSE + (j * (j + 3)) / 2] = 1;
}

/** Error of the forecast of `u` from the ten inputs before it; then learns it. */
export function stepAr(data: Float64Array, at: number, u: number): number {
  let forecast = data[at + WEIGHTS + ORDER]!;
  for (let j = 0; j < ORDER; j++) {
    const past = data[at + j]!;
    x[j] = past;
    gain[j] = 0;
    forecast += data[at + WEIGHTS + j]! * past;
  }
  x[ORDER] = 1;
  gain[ORDER] = 0;
  const error = u - forecast;
  let p = at + INVERSE;
  for (let j = 0; j < TERMS; j++) {
    const xj = x[j]!;
    let sum = 0;
    for (let q = 0; q < j; q++) {
      const v = data[p + q]!;
      sum += v * x[q]!;
      gain[q] = gain[q]! + v * xj;
    }
    gain[j] = gain[j]! + sum + data[p + j]! * xj;
    p += j + 1;
  }
  let norm = 1;
  for (let j = 0; j < TERMS; j++) norm += x[j]! * gain[j]!;
  const scale = 1 / norm;
  const step = (error > CLIP ? CLIP : error < -CLIP ? -CLIP : error) * scale;
  p = at + INVERSE;
  for (let j = 0; j < TERMS; j++) {
    const g = gain[j]!;
    data[at + WEIGHTS + j] = data[at + WEIGHTS + j]! + g * step;
    const shrunk = g * scale;
    for (let q = 0; q <= j; q++) data[p + q] = data[p + q]! - shrunk * gain[q]!;
    p += j + 1;
  }
  for (let j = ORDER - 1; j > 0; j--) data[at + j] = data[at + j - 1]!;
  data[at] = u;
  return error;
}
