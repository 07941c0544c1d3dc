/**
 * Products of a row with packed matrices, two doubles at a time (WebAssembly SIMD), or one by one where that is missing: the
 * same sums in the same order, so the same bits. A matrix [terms, columns] is packed in blocks of eight columns, each
 * block row after row; a lower triangular one holds only the rows that a block needs.
 */
const WIDTH = 8;

export interface PackedMatrix {
  readonly data: Float64Array;
  readonly blocks: number;
  /** Rows of the first block, and how many more each further block has. */
  readonly rows: number;
  readonly more: number;
}

/** Packs [terms, columns]. */
export function packFull(matrix: Float64Array, terms: number, columns: number): PackedMatrix {
  const blocks = Math.ceil(columns / WIDTH);
  const data = new Float64Array(blocks * terms * WIDTH);
  for (let k = 0; k < terms; k++)
    for (let j = 0; j < columns; j++)
      data[(Math.floor(j / WIDTH) * terms + k) * WIDTH + (j % WIDTH)] = matrix[k * columns + j]!;
  return { data, blocks, rows: terms, more: 0 };
}

/** Packs the transpose of a lower triangular [n, n], so that the product is that matrix times the row. */
export function packLower(lower: Float64Array, n: number): PackedMatrix {
  const blocks = Math.ceil(n / WIDTH);
  const data = new Float64Array((WIDTH * WIDTH * blocks * (blocks + 1)) / 2);
  let at = 0;
  for (let b = 0; b < blocks; b++)
    for (let k = 0; k < WIDTH * (b + 1); k++)
      for (let c = 0; c < WIDTH; c++, at++) {
        const j = b * WIDTH + c;
        if (j < n && k <= j) data[at] = lower[j * n + k]!;
      }
  return { data, blocks, rows: WIDTH, more: WIDTH };
}

/**
 * Multiplies rows by matrices that were given at once. All kernels share one `input` and one `output`, as an address space
 * holds few memories: set all of the input that counts just before `multiply`, and read the output just after.
 */
export interface Kernel {
  readonly input: Float64Array;
  /** [blocks * 8]. */
  readonly output: Float64Array;
  multiply(matrix: number): void;
}

type Multiply = (input: number, matrix: number, output: number, blocks: number, rows: number, more: number) => void;
interface Simd {
  readonly view: Float64Array;
  readonly multiply: Multiply;
}
interface WasmApi {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly multiply: Multiply } };
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
    return { view: new Float64Array(memory.buffer), multiply: exports.multiply };
  } catch {
    return null;
  }
}

/** `terms`: longest input. `useSimd: false` is for tests. */
export function kernelFor(matrices: readonly PackedMatrix[], terms: number, useSimd = true): Kernel {
  if (useSimd && simd === undefined) simd = loadSimd();
  const columns = Math.max(...matrices.map((m) => m.blocks)) * WIDTH;
  const places: number[] = [];
  let end = MOST_TERMS + MOST_COLUMNS;
  for (const { data } of matrices) {
    places.push(end);
    end += data.length;
  }
  const held = simd;
  if (!useSimd || !held || end > held.view.length || terms > MOST_TERMS || columns > MOST_COLUMNS) {
    const [input, output] = [new Float64Array(terms + WIDTH), new Float64Array(columns)];
    return { input, output, multiply: (i) => plain(input, matrices[i]!, output) };
  }
  const { view, multiply } = held;
  const self: Kernel = {
    input: view.subarray(0, MOST_TERMS),
    output: view.subarray(MOST_TERMS, MOST_TERMS + columns),
    multiply(i) {
      if (owner !== self) {
        for (const [k, { data }] of matrices.entries()) view.set(data, places[k]!);
        owner = self;
      }
      const { blocks, rows, more } = matrices[i]!;
      multiply(0, 8 * places[i]!, 8 * MOST_TERMS, blocks, rows, more);
    },
  };
  return self;
}

function plain(input: Float64Array, { data, blocks, rows, more }: PackedMatrix, output: Float64Array): void {
  let at = 0;
  let length = rows;
  for (let b = 0; b < blocks; b++) {
    for (let c = 0; c < WIDTH; c++) {
      let sum = 0;
      for (let k = 0; k < length; k++) sum += input[k]! * data[at + k * WIDTH + c]!;
      output[b * WIDTH + c] = sum;
    }
    at += length * WIDTH;
    length += more;
  }
}

/**
 * The module: one function over the imported memory. For each block: four pairs of sums, over its rows
 * `sum += splat(input[k]) * matrix[k]`, stored to the output.
 */
function moduleBytes(): Uint8Array {
  const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
  const section = (id: number, body: readonly number[]) => [id, ...leb(body.length), ...body];
  const [INPUT, MATRIX, OUTPUT, BLOCKS, ROWS, MORE, K, AT, SUM, SPLAT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12];
  const get = (l: number) => [0x20, l];
  const set = (l: number) => [0x21, l];
  // a signed LEB128: 64 takes two bytes
  const add = (l: number, n: number) => [...get(l), 0x41, ...(n < 64 ? [n] : [n | 128, 0]), 0x6a, ...set(l)];
  const vector = (op: number, ...rest: number[]) => [0xfd, ...leb(op), ...rest];
  const pairs = [0, 1, 2, 3];
  const body = [
    ...[0x02, 0x40, 0x03, 0x40], // block, loop over blocks
    ...[...get(BLOCKS), 0x45, 0x0d, 1], // none left: leave
    ...pairs.flatMap((p) => [...vector(0x0c, ...new Array<number>(16).fill(0)), ...set(SUM + p)]),
    ...[...get(INPUT), ...set(AT), ...get(ROWS), ...set(K)],
    ...[0x03, 0x40], // loop over rows
    ...[...get(AT), ...vector(0x0a, 3, 0), ...set(SPLAT)], // load64_splat
    ...pairs.flatMap((p) => [
      ...[...get(SUM + p), ...get(SPLAT), ...get(MATRIX), ...vector(0x00, 3, 16 * p)],
      ...[...vector(0xf2), ...vector(0xf0), ...set(SUM + p)], // mul, add
    ]),
    ...add(MATRIX, 64),
    ...add(AT, 8),
    ...[...get(K), 0x41, 1, 0x6b, 0x22, K, 0x0d, 0, 0x0b], // next row
    ...pairs.flatMap((p) => [...get(OUTPUT), ...get(SUM + p), ...vector(0x0b, 3, 16 * p)]),
    ...add(OUTPUT, 64),
    ...[...get(ROWS), ...get(MORE), 0x6a, ...set(ROWS)],
    ...[...get(BLOCKS), 0x41, 1, 0x6b, ...set(BLOCKS), 0x0c, 0], // next block
    ...[0x0b, 0x0b, 0x0b],
  ];
  const locals = [2, 2, 0x7f, 5, 0x7b]; // K, AT: i32; four sums, splat: v128
  const code = [...locals, ...body];
  const I32 = 0x7f;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]),
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 0x02, 0x00, 1]), // memory m.m, at least a page
    ...section(3, [1, 0]),
    ...section(7, [1, 8, ...Array.from("multiply", (c) => c.charCodeAt(0)), 0x00, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}
