import type { Store } from "../core/store.ts";

/** For a reading that is never resumed: what comes of it is taken from the stages as they go. */
export const forgetfulStore: Store = {
  commit: async () => {},
  positions: async () => new Map(),
  state: async () => new Map(),
  records: async () => [],
  latest: async () => [],
  audit: async () => {},
  auditTrail: async () => [],
  forget: async () => ({ rows: 0, incidents: [], more: false }),
  close: async () => {},
};
