/**
 * Autoregression of order 10 with a constant, fitted by recursive least squares without forgetting, in a row of doubles:
 * the last inputs, the weights, the inverse correlation [11, 11]. That is symmetric, so each pair of terms is kept and
 * computed once: of term j its products with j .. j + 5, counted in a ring of eleven. About 200 multiply-adds a step.
 * @see Haykin 2002, "Adaptive filter theory", ch. 9
 */
const ORDER = 10;
const TERMS = ORDER + 1;
/** Pairs of one term: with itself and the five that follow it in the ring. */
const PAIRS = (TERMS + 1) / 2;
const WEIGHTS = ORDER;
const INVERSE = WEIGHTS + TERMS;
/** Doubles of one series. */
export const AR_DOUBLES = INVERSE + TERMS * PAIRS;
/** A weight learns from an error of at most this much: one wild row must not turn the model. */
const CLIP = 5;

/** The inputs, the constant 1 at place 10, and again those that the ring passes: [11 + 5]. The gain likewise. */
const ring = new Float64Array(TERMS + PAIRS - 1);
const gain = new Float64Array(TERMS + PAIRS - 1);

/** A fresh model at `at`: the inverse correlation is the identity. */
export function startAr(data: Float64Array, at: number): void {
  data.fill(0, at, at + AR_DOUBLES);
  for (let j = 0; j < TERMS; j++) data[at + INVERSE + j * PAIRS] = 1;
}

/** `stepAr` takes its input here and leaves its error here: a number passed through a call may cost an object. */
export const ar = { values: new Float64Array(2), INPUT: 0, ERROR: 1 } as const;
const { values: io, INPUT, ERROR } = ar;

/**
 * Error of the forecast of the input from the ten before it; then learns it. Windows of six terms slide along the ring in
 * local variables: without inner loops and arrays it takes a fraction of the time.
 */
export function stepAr(data: Float64Array, at: number): void {
  const u = io[INPUT]!;
  const w = at + WEIGHTS;
  let forecast = data[w + ORDER]!;
  for (let j = 0; j < ORDER; j++) {
    const x = data[at + j]!;
    ring[j] = x;
    forecast += data[w + j]! * x;
  }
  ring[ORDER] = 1;
  for (let j = 0; j < PAIRS - 1; j++) ring[TERMS + j] = ring[j]!;
  const error = u - forecast;

  let x0 = ring[0]!;
  let x1 = ring[1]!;
  let x2 = ring[2]!;
  let x3 = ring[3]!;
  let x4 = ring[4]!;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let p = at + INVERSE;
  for (let j = 0; j < TERMS; j++) {
    const x5 = ring[j + 5]!;
    const p0 = data[p]!;
    const p1 = data[p + 1]!;
    const p2 = data[p + 2]!;
    const p3 = data[p + 3]!;
    const p4 = data[p + 4]!;
    const p5 = data[p + 5]!;
    gain[j] = s0 + p0 * x0 + p1 * x1 + p2 * x2 + p3 * x3 + p4 * x4 + p5 * x5;
    s0 = s1 + p1 * x0;
    s1 = s2 + p2 * x0;
    s2 = s3 + p3 * x0;
    s3 = s4 + p4 * x0;
    s4 = p5 * x0;
    x0 = x1;
    x1 = x2;
    x2 = x3;
    x3 = x4;
    x4 = x5;
    p += PAIRS;
  }
  // sums that went past the end of the ring belong to its beginning
  let g0 = gain[0]! + s0;
  let g1 = gain[1]! + s1;
  let g2 = gain[2]! + s2;
  let g3 = gain[3]! + s3;
  let g4 = gain[4]! + s4;
  gain[TERMS] = g0;
  gain[TERMS + 1] = g1;
  gain[TERMS + 2] = g2;
  gain[TERMS + 3] = g3;
  gain[TERMS + 4] = g4;
  let norm = 1 + g0 * ring[0]! + g1 * ring[1]! + g2 * ring[2]! + g3 * ring[3]! + g4 * ring[4]!;
  for (let j = PAIRS - 1; j < TERMS; j++) norm += gain[j]! * ring[j]!;

  const scale = 1 / norm;
  const step = (error > CLIP ? CLIP : error < -CLIP ? -CLIP : error) * scale;
  p = at + INVERSE;
  for (let j = 0; j < TERMS; j++) {
    const g5 = gain[j + 5]!;
    data[w + j] = data[w + j]! + g0 * step;
    const shrunk = g0 * scale;
    data[p] = data[p]! - shrunk * g0;
    data[p + 1] = data[p + 1]! - shrunk * g1;
    data[p + 2] = data[p + 2]! - shrunk * g2;
    data[p + 3] = data[p + 3]! - shrunk * g3;
    data[p + 4] = data[p + 4]! - shrunk * g4;
    data[p + 5] = data[p + 5]! - shrunk * g5;
    g0 = g1;
    g1 = g2;
    g2 = g3;
    g3 = g4;
    g4 = g5;
    p += PAIRS;
  }
  for (let j = ORDER - 1; j > 0; j--) data[at + j] = ring[j - 1]!;
  data[at] = u;
  io[ERROR] = error;
}
