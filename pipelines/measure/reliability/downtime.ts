/** Time during which something was down: overlapping outages count once. */
import type { OutageRecord } from "../../core/reliability.ts";

export type Span = readonly [fromMs: number, toMs: number];

/** Outages within [fromMs, toMs) joined; one that is not over lasts to the end. In order of time. */
export function downSpans(outages: readonly OutageRecord[], fromMs: number, toMs: number): Span[] {
  const spans = outages
    .map((o) => [Math.max(o.startMs, fromMs), Math.min(o.resolvedMs ?? toMs, toMs)] as const)
    .filter(([a, b]) => b > a)
    .sort((x, y) => x[0] - y[0]);
  const joined: [number, number][] = [];
  for (const [a, b] of spans) {
    const last = joined.at(-1);
    if (last && a <= last[1]) last[1] = Math.max(last[1], b);
    else joined.push([a, b]);
  }
  return joined;
}

export const lengthMs = (spans: readonly Span[]): number => spans.reduce((s, [a, b]) => s + b - a, 0);
