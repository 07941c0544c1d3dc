import { existsSync } from "node:fs";
import { join } from "node:path";
import { PipelineError } from "../core/errors.ts";
import type { Store } from "../core/store.ts";
import { verifyAudit } from "../runtime/store/audit.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { ask, endpointOf } from "./client.ts";

type Trail = Awaited<ReturnType<Store["auditTrail"]>>;

/** The whole audit: through the running pipeline, or from its store when none runs. */
async function trailOf(dataDir: string): Promise<Trail> {
  const endpoint = await endpointOf(dataDir);
  if (endpoint) {
    return JSON.parse((await ask(`${endpoint.url}/api/audit`)).text) as Trail;
  }
  const path = join(dataDir, "store");
  if (!existsSync(path))
    throw new PipelineError("INPUT_INVALID", dataDir, {
      detail: "there is no pipeline's data",
      hint: "name its --data-dir",
    });
  const store = await openStore(path);
  try {
    return await store.auditTrail();
  } finally {
    await store.close();
  }
}

export interface RecoverAuditOptions {
  readonly dataDir: string;
  readonly verify?: boolean;
  /** A hash that was kept elsewhere: it must be in the chain. */
  readonly head?: string;
  readonly json?: boolean;
}

/** Prints the audit, or what its check says; gives the exit code: 1 where the chain is broken or lacks `head`. */
export async function recoverAudit({ dataDir, verify, head, json }: RecoverAuditOptions): Promise<number> {
  const trail = await trailOf(dataDir);
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  if (!verify && head === undefined) {
    if (json) say(JSON.stringify(trail));
    else for (const e of trail) say(`${e.seq} ${new Date(e.timeMs).toISOString()} ${e.planId} ${e.event} ${e.detail}`);
    return 0;
  }
  const checked = verifyAudit(trail);
  const last = trail.at(-1)?.hash ?? null;
  const known = head === undefined || trail.some((e) => e.hash === head);
  if (json)
    say(JSON.stringify({ ...checked, ok: checked.ok && known, entries: trail.length, head: last, headKnown: known }));
  else if (!checked.ok)
    say(`broken at entry ${checked.brokenSeq} of ${trail.length}: it was changed, removed or put in`);
  else if (!known) say(`the hash ${head} is not in the chain: entries were cut off, or it is another one`);
  else say(`${trail.length} entries, unbroken; the last hash is ${last ?? "none"}`);
  return checked.ok && known ? 0 : 1;
}
