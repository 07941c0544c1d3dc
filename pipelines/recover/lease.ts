/** How an actor knows that it still holds what it acts on, where others may have taken over while it slept. */
export interface Claims {
  /** How long a holder may be silent, ms. Others take its act over after twice as long. */
  readonly leaseMs: number;
  /** Tells the others that the act goes on. Settles when they can see it. */
  renew(token: string): Promise<void>;
  /** How long this process has not heard of the act's holder, by a clock that is never set, ms. */
  silentMs(token: string): number;
}

export interface Lease {
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal;
  /** Runs something that others can see: the lease counts anew from its beginning. */
  seen<T>(work: () => Promise<T>): Promise<T>;
  /** To be asked without a pause before an effect: what is awaited in between can take for ever. */
  lost(): boolean;
  /** Somebody else closed the act. */
  lose(): void;
  stop(): void;
}

/**
 * Renews while the act goes on. A clock that is set makes no lease longer: the steady one counts too. A machine that was
 * suspended has a steady clock that stood still: the wall clock counts too. Without `claims` (one process has the store to
 * itself) it is never lost by time.
 * @see Gray and Cheriton 1989, Leases: an efficient fault-tolerant mechanism, SOSP
 */
export function holdLease(claims: Claims | undefined, token: string, nowMs: () => number): Lease {
  const loss = new AbortController();
  const beginning = () => ({ steady: performance.now(), wall: nowMs() });
  let from = beginning();
  const ageMs = () => Math.max(performance.now() - from.steady, nowMs() - from.wall);
  const lease: Lease = {
    signal: loss.signal,
    async seen(work) {
      const begun = beginning();
      const result = await work();
      if (begun.steady > from.steady) from = begun;
      return result;
    },
    lost() {
      if (claims !== undefined && ageMs() > claims.leaseMs) loss.abort();
      return loss.signal.aborted;
    },
    lose: () => loss.abort(),
    stop: () => clearInterval(timer),
  };
  const renew = () => {
    if (lease.lost()) return clearInterval(timer);
    lease.seen(() => (claims as Claims).renew(token)).catch(() => undefined);
  };
  const timer = claims && setInterval(renew, claims.leaseMs / 3);
  timer?.unref();
  return lease;
}
