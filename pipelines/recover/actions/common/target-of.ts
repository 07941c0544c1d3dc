import { refusedTarget } from "../supervisor-client.ts";

/** The target's options. @throws PipelineError ACTION_REFUSED for a name that is not in the config */
export function targetOf<T>(targets: Readonly<Record<string, T>>, name: string): T {
  if (!Object.hasOwn(targets, name)) throw refusedTarget(name);
  return targets[name] as T;
}
