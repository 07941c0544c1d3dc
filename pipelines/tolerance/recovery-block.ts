export interface RecoveryBlockOptions<T> {
  /** The primary first, then what may be slower or poorer. */
  readonly alternates: readonly (() => Promise<T>)[];
  /** The acceptance test: false, or an error, sends the next one to work. */
  readonly accept: (result: T) => boolean | Promise<boolean>;
  /** Brings the state back to what it was before the block; awaited before each alternate after the first. */
  readonly restore?: () => Promise<void> | void;
  /** Hears why an alternate was not accepted. */
  readonly onRejected?: (index: number, why: Error) => void;
}

/** No alternate gave a result that was accepted; `errors` says why, in their order. */
export class NotAcceptedError extends AggregateError {
  override readonly name = "NotAcceptedError";
}

/**
 * Recovery block: ensure `accept` by the primary, else by the next alternate, each from the same state.
 * @throws NotAcceptedError; what `restore` throws, at once: nothing may run from an unknown state
 * @see Randell 1975, "System structure for software fault tolerance", IEEE TSE 1(2)
 */
export async function recoveryBlock<T>(options: RecoveryBlockOptions<T>): Promise<{ value: T; index: number }> {
  const { alternates, accept, restore, onRejected } = options;
  if (alternates.length === 0) throw new RangeError("recoveryBlock: no alternate");
  const errors: Error[] = [];
  for (const [index, alternate] of alternates.entries()) {
    if (index > 0) await restore?.();
    try {
      const value = await alternate();
      if (await accept(value)) return { value, index };
      errors.push(new Error(`alternate ${index}: its result was not accepted`));
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
    onRejected?.(index, errors.at(-1)!);
  }
  await restore?.();
  throw new NotAcceptedError(errors, `none of ${alternates.length} alternates was accepted`);
}
