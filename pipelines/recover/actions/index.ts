import type { ActionAdapter } from "./action.ts";
import { supervisedProcess } from "./supervised-process.ts";

/** Every family of actions: options in, adapters by kind of action out. */
export const actionAdapters = { supervisedProcess } satisfies Record<
  string,
  (options: never) => Readonly<Record<string, ActionAdapter>>
>;
export type ActionAdapterName = keyof typeof actionAdapters;
