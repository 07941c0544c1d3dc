import { describe, expect, it } from "vitest";
import { kernelFor, packFull, packLower } from "../../../models/stream/kernel.ts";
import { lcg } from "./lcg.ts";

/** Products of a row with a full and a lower matrix, by the kernel and by the book. */
function products(terms: number, columns: number, seed: number, simd: boolean) {
  const full = lcg(terms * columns, seed).map((v) => v - 0.5);
  const lower = lcg(columns * columns, seed + 1).map((v, i) => (i % columns <= Math.floor(i / columns) ? v - 0.5 : 9));
  const row = lcg(terms, seed + 2).map((v) => v - 0.5);
  const kernel = kernelFor([packFull(full, terms, columns), packLower(lower, columns)], Math.max(terms, columns), simd);
  const read = (matrix: number, input: Float64Array) => {
    kernel.input.fill(0);
    kernel.input.set(input);
    kernel.multiply(matrix);
    return kernel.output.slice(0, columns);
  };
  const short = lcg(columns, seed + 3);
  const book = Float64Array.from({ length: columns }, (_, j) =>
    row.reduce((s, x, k) => s + x * full[k * columns + j]!, 0),
  );
  const bookLower = Float64Array.from({ length: columns }, (_, j) =>
    short.subarray(0, j + 1).reduce((s, x, k) => s + x * lower[j * columns + k]!, 0),
  );
  return { full: read(0, row), lower: read(1, short), book, bookLower };
}

describe.each([true, false])("kernel, SIMD %s", (simd) => {
  it.each([
    [1, 1],
    [4, 1],
    [7, 8],
    [25, 8],
    [58, 19],
    [115, 38],
    [145, 48],
    [601, 200],
  ])("multiplies a row of %i with matrices of %i columns, bit for bit as plain sums", (terms, columns) => {
    const { full, lower, book, bookLower } = products(terms, columns, 3, simd);
    expect(full).toEqual(book);
    expect(lower).toEqual(bookLower);
  });
});

describe("kernels", () => {
  it("share a memory without mixing their matrices", () => {
    const make = (scale: number) => kernelFor([packFull(Float64Array.of(scale), 1, 1)], 1);
    const [a, b] = [make(2), make(5)];
    for (const k of [a, b, a, b, a]) {
      k.input[0] = 3;
      k.multiply(0);
      expect(k.output[0]).toBe(k === a ? 6 : 15);
    }
  });
});
