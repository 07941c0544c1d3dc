import type { Action, Incident } from "../core/records.ts";
export async function renderReport(o: { incident: Incident; actions: readonly Action[]; generatedMs: number }) {
  return { html: `<pre>${JSON.stringify(o)}</pre>`, markdown: JSON.stringify(o), json: o as unknown };
}
