import type { DecisionTreeOptions } from "./decision-tree.ts";
import type { NearestCounts, NearestCountsOptions } from "./nearest-counts.ts";
import type { NextEventOptions } from "./next-event.ts";
import type { SessionModel, SessionModelKind } from "./session-model.ts";
import type { SvmOptions } from "./svm.ts";

export type { FitOptions, Session, SessionModel, SessionModelKind, SessionState } from "./session-model.ts";

/** Loads a kind when it is first used: the name of a neural model must not cost the import of tfjs. */
function late<O, M extends SessionModel>(load: () => Promise<SessionModelKind<O, M>>): SessionModelKind<O, M> {
  return {
    fit: async (sessions, labels, options) => (await load()).fit(sessions, labels, options),
    load: async (state) => (await load()).load(state),
  };
}

/** Every kind of session model by its configuration name; options are checked by the kind itself. */
export const sessionModels = {
  "nearest-counts": late<NearestCountsOptions, NearestCounts>(
    async () => (await import("./nearest-counts.ts")).nearestCounts,
  ),
  "decision-tree": late<DecisionTreeOptions, SessionModel>(
    async () => (await import("./decision-tree.ts")).decisionTree,
  ),
  svm: late<SvmOptions, SessionModel>(async () => (await import("./svm.ts")).svm),
  "next-event": late<NextEventOptions, SessionModel>(async () => (await import("./next-event.ts")).nextEvent),
} satisfies Record<string, SessionModelKind<never>>;

export type SessionModelName = keyof typeof sessionModels;
