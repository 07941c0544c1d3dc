/**
 * How long what is odd is kept from being learned: until that was so for `freezeWindows`, in a row or again and again, for
 * what is odd every day for hours, a nightly batch, is no fault. Counts are of odd windows not given back.
 */

/** What each usual window gives back. */
const THAW = 0.2;
/** So many times `freezeWindows` are remembered at most: a year of odd windows is forgiven as soon as a day of them. */
const MOST = 2;
/** Windows for which what has just become odd is told and not learned in any case: it may be a fault like none before. */
const FRESH = 10;
/** Decimal orders of improbability of a window from which on it can be the first odd one. */
export const FIRST_ODD = 2;

/** After a usual window. */
export const thawed = (count: number): number => (count > THAW ? count - THAW : 0);

/** After an odd window. */
export const frozen = (count: number, freezeWindows: number): number =>
  count + 1 < MOST * freezeWindows ? count + 1 : MOST * freezeWindows;

/**
 * Whether an odd window may be learned. `count`: with this one; `sinceMs`: start of the first odd window, 0 where this may
 * be it; `orders`: of this window.
 */
export function learnable(
  count: number,
  freezeWindows: number,
  sinceMs: number,
  orders: number,
  w: { readonly startMs: number; readonly endMs: number },
): boolean {
  if (!(count > freezeWindows)) return false;
  return sinceMs === 0 ? !(orders > FIRST_ODD) : w.endMs - sinceMs >= FRESH * (w.endMs - w.startMs);
}
