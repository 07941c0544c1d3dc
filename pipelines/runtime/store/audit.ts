import { createHash } from "node:crypto";

export interface AuditEntry {
  readonly planId: string;
  readonly timeMs: number;
  readonly event: string;
  readonly detail: string;
}

/** The hash before the first entry. */
export const AUDIT_ROOT = "0".repeat(64);

/** SHA-256 over the previous hash and the entry in canonical JSON (keys sorted), in hex. */
export function auditHash(previous: string, entry: AuditEntry): string {
  const { detail, event, planId, timeMs } = entry;
  return createHash("sha256")
    .update(`${previous}\n${JSON.stringify({ detail, event, planId, timeMs })}`)
    .digest("hex");
}

/**
 * Checks a whole trail from its first entry: any entry changed, removed from within or put in between breaks the chain.
 * Entries cut off at the end are not seen: compare the last hash with one kept elsewhere.
 * @returns `brokenSeq` of the first entry that does not fit
 */
export function verifyAudit(
  trail: readonly (AuditEntry & { readonly seq: number; readonly hash: string })[],
): { readonly ok: true } | { readonly ok: false; readonly brokenSeq: number } {
  let previous = AUDIT_ROOT;
  for (const entry of trail) {
    if (auditHash(previous, entry) !== entry.hash) {
      return { ok: false, brokenSeq: entry.seq };
    }
    previous = entry.hash;
  }
  return { ok: true };
}
