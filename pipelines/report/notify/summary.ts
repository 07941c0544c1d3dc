import type { Notification } from "../../core/notifications.ts";

const WORDS: Readonly<Record<Notification["kind"], string>> = {
  opened: "",
  reopened: "is back",
  escalated: "got worse",
  diagnosed: "has a new first suspect",
  acknowledged: "is acknowledged",
  approval: "has a repair that waits for approval",
  "repair-failed": "was not repaired",
  resolved: "is resolved",
};

const clock = (ms: number) =>
  Number.isFinite(ms) && Math.abs(ms) < 8e15 ? new Date(ms).toISOString() : "unknown time";

/** `[critical] shop: orders, payment off since 2025-10-09T08:58:30Z; first suspect orders (82 %)`: one line of plain text. */
export function summaryOf(n: Omit<Notification, "id" | "number" | "summary">): string {
  const shown = n.entities.slice(0, 3).join(", ");
  const rest = n.entities.length > 3 ? ` and ${n.entities.length - 3} more` : "";
  const [first] = n.suspects;
  const suspect = first ? `; first suspect ${first.name} (${Math.round(first.confidence * 100)} %)` : "";
  const since = `off since ${clock(n.faultStartMs).replace(/\.\d+Z$/, "Z")}`;
  const what = WORDS[n.kind];
  const text = `[${n.severity}] ${n.system}: ${shown}${rest} ${since}${what === "" ? "" : ` ${what}`}${suspect}`;
  // A name from outside may hold line breaks: one line stays one line.
  return text.replace(/\p{Cc}+/gu, " ");
}
