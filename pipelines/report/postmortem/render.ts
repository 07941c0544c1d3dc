/** The post-mortem: one content, two forms for people; the third is the object itself. */
import type { PostmortemReport } from "../../core/schemas/postmortem.ts";
import { postmortemHtml } from "./html.ts";
import { postmortemMarkdown } from "./markdown.ts";

/** Deterministic: the same report gives the same bytes. */
export const renderPostmortem = (report: PostmortemReport): { readonly html: string; readonly markdown: string } => ({
  html: postmortemHtml(report),
  markdown: postmortemMarkdown(report),
});
