import { createHash } from "node:crypto";
import type { Plan } from "../core/records.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const rows = Object.entries(value).filter(([, v]) => v !== undefined);
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${rows.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(",")}}`;
}

/** SHA-256 over everything in the plan but the hash itself. An approval names it, so it is for this plan and no other. */
export function planHash(plan: Omit<Plan, "hash"> & { readonly hash?: string }): string {
  return sha256(canonicalJson({ ...plan, hash: undefined }));
}

/** A plan with its id and hash; equal input gives an equal plan. */
export function makePlan(parts: Omit<Plan, "id" | "hash">): Plan {
  const plan = { id: `PLAN-${sha256(canonicalJson(parts)).slice(0, 10)}`, ...parts };
  return { ...plan, hash: planHash(plan) };
}
