/** Fault tolerance for your own code: `import { checkpoints, retry, vote } from "faultwright/tolerance"`. docs/tolerance.md */
export { type Breaker, type BreakerOptions, breaker, CircuitOpenError } from "./breaker.ts";
export { type Checkpoints, type CheckpointsOptions, checkpoints, type Restored } from "./checkpoint.ts";
export { checkpointInterval } from "./checkpoint-interval.ts";
export { NotAcceptedError, type RecoveryBlockOptions, recoveryBlock } from "./recovery-block.ts";
export { type RetryOptions, retry, TimeoutError } from "./retry.ts";
export { NoMajorityError, type Vote, type VoteOptions, vote } from "./vote.ts";
