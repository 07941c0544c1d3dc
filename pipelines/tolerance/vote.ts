import { isDeepStrictEqual } from "node:util";
import { TaskCancelledError } from "cockatiel";
import { timeLimit } from "./time-limit.ts";

export interface VoteOptions<T> {
  /** How many have to agree; by default more than half of the versions, those that fail included. */
  readonly quorum?: number;
  /** When two results are the same. Floating point needs a tolerance here: versions round differently. */
  readonly agree?: (a: T, b: T) => boolean;
  /** Of each version, ms; one that takes longer has failed. */
  readonly timeoutMs?: number;
}

export interface Vote<T> {
  readonly value: T;
  /** Indices of the versions that gave it. */
  readonly agreed: readonly number[];
  /** Of those that gave another, failed, or took too long; versions that were not waited for are in neither. */
  readonly dissented: readonly number[];
}

/** No value was given by enough versions. */
export class NoMajorityError extends Error {
  override readonly name = "NoMajorityError";
  /** By version: what each gave. */
  readonly outcomes: readonly PromiseSettledResult<unknown>[];

  constructor(message: string, outcomes: readonly PromiseSettledResult<unknown>[]) {
    super(message);
    this.outcomes = outcomes;
  }
}

/**
 * Redundant execution with voting: runs all versions at once and gives the first value that a quorum agrees on. The same
 * function several times bears failures that come by chance; versions written independently (N-version programming) bear
 * defects of one. With three versions one may fail or be wrong.
 *
 * Values are grouped with the first of their kind, so `agree` need not be transitive to be safe with a majority quorum
 * of 3; with larger tolerances give few versions.
 * @throws NoMajorityError as soon as no value can reach the quorum; RangeError for no version or a quorum out of range
 * @see Avizienis 1985, IEEE TSE 11(12), N-version; von Neumann 1956, majority organs
 */
export function vote<T>(
  versions: readonly ((signal: AbortSignal) => Promise<T>)[],
  options: VoteOptions<T> = {},
): Promise<Vote<T>> {
  const n = versions.length;
  const { quorum = Math.floor(n / 2) + 1, agree = isDeepStrictEqual, timeoutMs } = options;
  if (n === 0) throw new RangeError("vote: no version");
  if (!(Number.isInteger(quorum) && quorum >= 1 && quorum <= n))
    throw new RangeError(`vote: quorum is ${quorum} of ${n}`);
  const limit = timeoutMs === undefined ? undefined : timeLimit(timeoutMs);
  const over = new AbortController();
  const outcomes: PromiseSettledResult<T>[] = new Array(n);
  const groups: { value: T; members: number[] }[] = [];
  let waiting = n;
  return new Promise((resolve, reject) => {
    const counted = () => {
      waiting -= 1;
      const best = groups.reduce((most, g) => Math.max(most, g.members.length), 0);
      if (best >= quorum) {
        const won = groups.find((g) => g.members.length === best)!;
        const dissented = [...outcomes.keys()].filter((i) => outcomes[i] !== undefined && !won.members.includes(i));
        over.abort();
        resolve({ value: won.value, agreed: [...won.members], dissented });
      } else if (best + waiting < quorum) {
        over.abort();
        const all = Array.from(outcomes, (o) => o ?? { status: "rejected", reason: new Error("not waited for") });
        reject(new NoMajorityError(`no ${quorum} of ${n} versions agree: ${all.map(said).join("; ")}`, all));
      }
    };
    versions.forEach((version, i) => {
      const run = async () =>
        limit ? limit.execute((context) => version(context.signal), over.signal) : version(over.signal);
      run().then(
        (value) => {
          outcomes[i] = { status: "fulfilled", value };
          const group = groups.find((g) => agree(g.value, value));
          if (group) group.members.push(i);
          else groups.push({ value, members: [i] });
          counted();
        },
        (reason) => {
          const late = reason instanceof TaskCancelledError && !over.signal.aborted;
          outcomes[i] = { status: "rejected", reason: late ? new Error(`none within ${timeoutMs} ms`) : reason };
          counted();
        },
      );
    });
  });
}

function said(o: PromiseSettledResult<unknown>): string {
  if (o.status === "rejected") return `failed (${o.reason instanceof Error ? o.reason.message : String(o.reason)})`;
  const text = JSON.stringify(o.value) ?? String(o.value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
