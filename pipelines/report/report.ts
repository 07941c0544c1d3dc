/** The incident report: one content, three forms. */
import { chartSvg } from "./charts.ts";
import { reportHtml } from "./html.ts";
import { type ReportJson, reportJson } from "./json.ts";
import { reportMarkdown } from "./markdown.ts";
import { type ReportInput, reportView } from "./view.ts";

export interface Report {
  /** Self-contained page: no scripts, nothing loaded from outside. */
  readonly html: string;
  readonly markdown: string;
  readonly json: ReportJson;
}

/** Deterministic: the same incident and actions give the same bytes. */
export async function renderReport(input: ReportInput): Promise<Report> {
  const view = reportView(input);
  const charts: string[] = [];
  for (const [i, c] of (input.incident.diagnosis?.charts ?? []).entries()) charts.push(await chartSvg(c, `c${i}`));
  return { html: reportHtml(view, charts), markdown: reportMarkdown(view), json: reportJson(view) };
}
