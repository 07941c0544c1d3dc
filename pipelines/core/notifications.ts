/** What people are told of, and how far each receiver has got it. */

export const NOTIFICATION_KINDS = [
  "opened",
  "reopened",
  "escalated",
  "diagnosed",
  "acknowledged",
  "approval",
  "repair-failed",
  "resolved",
] as const;
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];

/** One thing worth telling about an incident, decided by the act stage: the same input gives the same notifications. */
export interface Notification {
  /** `<incident>/<number>`. */
  readonly id: string;
  readonly incidentId: string;
  /** Counts up from 1 within the incident: receivers get them in this order. */
  readonly number: number;
  readonly system: string;
  readonly kind: NotificationKind;
  /** Event time. */
  readonly timeMs: number;
  readonly severity: "critical" | "major" | "minor";
  /** Of the incident. */
  readonly state: "open" | "acknowledged" | "mitigating" | "resolved";
  /** One line. */
  readonly summary: string;
  /** What to do or to know, a line or two; may be empty. */
  readonly detail: string;
  readonly entities: readonly string[];
  /** First three. */
  readonly suspects: readonly { readonly name: string; readonly kind: string; readonly confidence: number }[];
  readonly faultStartMs: number;
  readonly detectedMs: number;
  readonly resolvedMs: number | null;
  readonly labels: readonly string[];
}

/** `sending` and `failed` are under way; the others are the end of it. */
export type DeliveryState = "sending" | "failed" | "sent" | "dead" | "requeued";

/** How far one receiver has got one notification; a later one replaces the one before. */
export interface Delivery {
  readonly notificationId: string;
  readonly incidentId: string;
  /** Name of the receiver in the config. */
  readonly receiver: string;
  readonly state: DeliveryState;
  /** Tries so far. */
  readonly attempts: number;
  /** When it came to this state, by the clock of the process that delivers. */
  readonly timeMs: number;
  readonly detail: string;
}

export const deliveryKey = (receiver: string, notificationId: string): string => `${receiver}/${notificationId}`;
