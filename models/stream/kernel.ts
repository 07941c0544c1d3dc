/**
 * Products of a row with packed matrices, two doubles at a time (WebAssembly SIMD), or one by one where that is missing: the
 * same sums in the same order, so the same bits. A matrix [terms, columns] is packed in blocks of up to twenty columns, each
 * block row after row; a lower triangular one holds only the rows that a block needs. Twenty, as their sums just fit
 * the registers, and so many independent additions hide each other's latency.
 */
const MOST_WIDTH = 20;

export interface PackedMatrix {
  readonly data: Float64Array;
  readonly blocks: number;
  /** Columns of a block, even. */
  readonly width: number;
  /** Rows of the first block, and how many more each further block has. */
  readonly rows: number;
  readonly more: number;
}

/** Blocks of equal width, as few as can be. */
function blocksOf(columns: number): { blocks: number; width: number } {
  const blocks = Math.ceil(columns / MOST_WIDTH);
  return { blocks, width: 2 * Math.ceil(columns / blocks / 2) };
}

/** Packs [terms, columns]. */
export function packFull(matrix: Float64Array, terms: number, columns: number): PackedMatrix {
  const { blocks, width } = blocksOf(columns);
  const data = new Float64Array(blocks * terms * width);
  for (let k = 0; k < terms; k++)
    for (let j = 0; j < columns; j++)
      data[(Math.floor(j / width) * terms + k) * width + (j % width)] = matrix[k * columns + j]!;
  return { data, blocks, width, rows: terms, more: 0 };
}

/** Packs the transpose of a lower triangular [n, n], so that the product is that matrix times the row. */
export function packLower(lower: Float64Array, n: number): PackedMatrix {
  const { blocks, width } = blocksOf(n);
  const data = new Float64Array((width * width * blocks * (blocks + 1)) / 2);
  let at = 0;
  for (let b = 0; b < blocks; b++)
    for (let k = 0; k < width * (b + 1); k++)
      for (let c = 0; c < width; c++, at++) {
        const j = b * width + c;
        if (j < n && k <= j) data[at] = lower[j * n + k]!;
      }
  return { data, blocks, width, rows: width, more: width };
}

/**
 * Multiplies rows by matrices that were given at once. All kernels share one `input` and one `output`, as an address space
 * holds few memories: set all of the input that counts just before `multiply`, and read the output just after.
 */
export interface Kernel {
  readonly input: Float64Array;
  /** [blocks * width], of the matrix with most. */
  readonly output: Float64Array;
  multiply(matrix: number): void;
}

type Multiply = (input: number, matrix: number, output: number, blocks: number, rows: number, more: number) => void;
interface Simd {
  readonly view: Float64Array;
  /** Of blocks of 2, 4, ... columns. */
  readonly multiply: readonly Multiply[];
}
interface WasmApi {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, Multiply>> };
}

/** 64 kB each: what does not fit is multiplied without SIMD. */
const PAGES = 64;
const MOST_TERMS = 4096;
const MOST_COLUMNS = 2048;

let simd: Simd | undefined | null;
/** Whose matrices are in the memory. */
let owner: Kernel | undefined;

function loadSimd(): Simd | null {
  const wasm = (globalThis as { WebAssembly?: WasmApi }).WebAssembly;
  if (!wasm) return null;
  try {
    const memory = new wasm.Memory({ initial: PAGES });
    const { exports } = new wasm.Instance(new wasm.Module(moduleBytes()), { m: { m: memory } });
    const multiply = Array.from({ length: MOST_WIDTH / 2 }, (_, i) => exports[String.fromCharCode(A + i)] as Multiply);
    return { view: new Float64Array(memory.buffer), multiply };
  } catch {
    return null;
  }
}

/** `terms`: longest input. `useSimd: false` is for tests. */
export function kernelFor(matrices: readonly PackedMatrix[], terms: number, useSimd = true): Kernel {
  if (useSimd && simd === undefined) simd = loadSimd();
  const columns = Math.max(...matrices.map((m) => m.blocks * m.width));
  const places: number[] = [];
  let end = MOST_TERMS + MOST_COLUMNS;
  for (const { data } of matrices) {
    places.push(end);
    end += data.length;
  }
  const held = simd;
  if (!useSimd || !held || end > held.view.length || terms > MOST_TERMS || columns > MOST_COLUMNS) {
    const [input, output] = [new Float64Array(terms + MOST_WIDTH), new Float64Array(columns)];
    return { input, output, multiply: (i) => plain(input, matrices[i]!, output) };
  }
  const { view, multiply } = held;
  const ofWidth = matrices.map(({ width }) => multiply[width / 2 - 1]!);
  const self: Kernel = {
    input: view.subarray(0, MOST_TERMS),
    output: view.subarray(MOST_TERMS, MOST_TERMS + columns),
    multiply(i) {
      if (owner !== self) {
        for (const [k, { data }] of matrices.entries()) view.set(data, places[k]!);
        owner = self;
      }
      const { blocks, rows, more } = matrices[i]!;
      ofWidth[i]!(0, 8 * places[i]!, 8 * MOST_TERMS, blocks, rows, more);
    },
  };
  return self;
}

function plain(input: Float64Array, matrix: PackedMatrix, output: Float64Array): void {
  const { data, blocks, width, rows, more } = matrix;
  let at = 0;
  let length = rows;
  for (let b = 0; b < blocks; b++) {
    for (let c = 0; c < width; c++) {
      let sum = 0;
      for (let k = 0; k < length; k++) sum += input[k]! * data[at + k * width + c]!;
      output[b * width + c] = sum;
    }
    at += length * width;
    length += more;
  }
}

/** Functions are named by a letter each. */
const A = 97;
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);

/** The module: a function for every width of a block, over the imported memory. */
function moduleBytes(): Uint8Array {
  const section = (id: number, body: readonly number[]) => [id, ...leb(body.length), ...body];
  const I32 = 0x7f;
  const all = Array.from({ length: MOST_WIDTH / 2 }, (_, i) => i);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]),
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 0x02, 0x00, 1]), // memory m.m, at least a page
    ...section(3, [all.length, ...all.map(() => 0)]),
    ...section(7, [all.length, ...all.flatMap((i) => [1, A + i, 0x00, i])]),
    ...section(10, [all.length, ...all.flatMap((i) => multiplyCode(i + 1))]),
  ]);
}

/** For each block: `pairs` pairs of sums, over its rows `sum += splat(input[k]) * matrix[k]`, stored to the output. */
function multiplyCode(pairs: number): number[] {
  const [INPUT, MATRIX, OUTPUT, BLOCKS, ROWS, MORE, K, AT, SUM] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const SPLAT = SUM + pairs;
  const get = (l: number) => [0x20, l];
  const set = (l: number) => [0x21, l];
  // a signed number of two bytes
  const add = (l: number, n: number) => [...get(l), 0x41, (n & 127) | 128, n >>> 7, 0x6a, ...set(l)];
  const vector = (op: number, ...rest: number[]) => [0xfd, ...leb(op), ...rest];
  const each = (of: (p: number) => number[]) => Array.from({ length: pairs }, (_, p) => of(p)).flat();
  const body = [
    ...[0x02, 0x40, 0x03, 0x40], // block, loop over blocks
    ...[...get(BLOCKS), 0x45, 0x0d, 1], // none left: leave
    ...each((p) => [...vector(0x0c, ...new Array<number>(16).fill(0)), ...set(SUM + p)]),
    ...[...get(INPUT), ...set(AT), ...get(ROWS), ...set(K)],
    ...[0x03, 0x40], // loop over rows
    ...[...get(AT), ...vector(0x0a, 3, 0), ...set(SPLAT)], // load64_splat
    ...each((p) => [
      ...[...get(SUM + p), ...get(SPLAT), ...get(MATRIX), ...vector(0x00, 3, ...leb(16 * p))],
      ...[...vector(0xf2), ...vector(0xf0), ...set(SUM + p)], // mul, add
    ]),
    ...add(MATRIX, 16 * pairs),
    ...add(AT, 8),
    ...[...get(K), 0x41, 1, 0x6b, 0x22, K, 0x0d, 0, 0x0b], // next row
    ...each((p) => [...get(OUTPUT), ...get(SUM + p), ...vector(0x0b, 3, ...leb(16 * p))]),
    ...add(OUTPUT, 16 * pairs),
    ...[...get(ROWS), ...get(MORE), 0x6a, ...set(ROWS)],
    ...[...get(BLOCKS), 0x41, 1, 0x6b, ...set(BLOCKS), 0x0c, 0], // next block
    ...[0x0b, 0x0b, 0x0b],
  ];
  const locals = [2, 2, 0x7f, pairs + 1, 0x7b]; // K, AT: i32; sums, splat: v128
  return [...leb(locals.length + body.length), ...locals, ...body];
}
