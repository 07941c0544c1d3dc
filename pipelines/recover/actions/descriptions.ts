import type { ActionDescription } from "./action.ts";

/** What the built-in kinds do, in words: pure, so that the `act` stage can plan without an adapter at hand. */
const descriptions: Readonly<Record<string, (target: string) => ActionDescription>> = {
  restart: (target) => ({
    preconditions: ["the supervisor knows the service", "the process is the one that was seen when planning"],
    effect: `stops ${target} and starts the same release again`,
    blastRadius: [target],
    reversible: false,
    expectedLoss: "requests in flight and state held only in memory",
    risk: "low",
  }),
  rollback: (target) => ({
    preconditions: [
      "the supervisor knows the service",
      "the process is the one that was seen when planning",
      "a previous release exists",
    ],
    effect: `stops ${target} and starts its previous release`,
    blastRadius: [target],
    reversible: true,
    expectedLoss: "requests in flight, state held only in memory, what the newer release added",
    risk: "medium",
  }),
};

/** Description of a built-in kind, `undefined` for an unknown one. */
export function describeAction(kind: string, target: string): ActionDescription | undefined {
  return Object.hasOwn(descriptions, kind) ? descriptions[kind]?.(target) : undefined;
}
