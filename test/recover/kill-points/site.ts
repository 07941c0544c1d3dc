/** A place where actors are killed at each step of an adapter's acts. */
import type { ActionFamily } from "../../../pipelines/recover/actions/action.ts";
import type { Act } from "../crash.ts";

export type Due = Pick<Act, "use" | "target" | "kind" | "onsetMs" | "supervisor">;

export interface Placed {
  /** The adapters in question: each of their actions has its turn. */
  readonly family: ActionFamily;
  /** Makes the act due, whatever the last one left behind; effects count from here on. */
  due(kind: string): Promise<Due>;
  /** How often each effect was made, as the target itself shows it: none of them may ever be made twice. */
  effects(kind: string): Promise<Readonly<Record<string, number>>>;
  /** What must hold once an act was killed and settled, `done` or not: neither half of the old nor half of the new. */
  settled?(kind: string, done: boolean): Promise<void>;
  /** Folder for audits. */
  readonly dir: string;
  stop(): Promise<void>;
}

export interface KillSite {
  /** Whether what it needs is installed. */
  readonly present: boolean;
  start(): Promise<Placed>;
}

/** Waits for what comes by itself; gives up in silence, and what follows says what is wrong. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 15_000): Promise<void> {
  const endMs = performance.now() + ms;
  while (!(await holds()) && performance.now() < endMs) await new Promise((go) => setTimeout(go, 50));
}
