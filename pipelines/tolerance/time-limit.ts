import { TimeoutStrategy, timeout } from "cockatiel";

/** Rejects with cockatiel's `TaskCancelledError` once `ms` are over, whether or not the callee looks at its signal. */
export const timeLimit = (ms: number) => timeout(ms, TimeoutStrategy.Aggressive);
