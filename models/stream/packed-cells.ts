/** Cells of 16 bits in a saved state: three of them make one whole double. */
export const CELLS_A_DOUBLE = 3;

/** Packs cells [from, from + 3 n) into doubles [at, at + n). */
export function packCells(cells: Uint16Array, from: number, out: Float64Array, at: number, n: number): void {
  for (let k = 0, c = from; k < n; k++, c += CELLS_A_DOUBLE)
    out[at + k] = cells[c]! + 65_536 * cells[c + 1]! + 4_294_967_296 * cells[c + 2]!;
}

/** The reverse. */
export function unpackCells(packed: Float64Array, at: number, cells: Uint16Array, from: number, n: number): void {
  for (let k = 0, c = from; k < n; k++, c += CELLS_A_DOUBLE) {
    const value = packed[at + k]!;
    const high = Math.floor(value / 4_294_967_296);
    const low = value - high * 4_294_967_296;
    cells[c] = low % 65_536;
    cells[c + 1] = Math.floor(low / 65_536);
    cells[c + 2] = high;
  }
}
