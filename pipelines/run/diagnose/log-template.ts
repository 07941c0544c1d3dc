/** From a log message to the template it was written with. The seam to whatever mines templates: swap this function. */
export type TemplateOf = (message: string) => string;

const LONGEST = 70;

/** Masks UUIDs, hex of eight or more and digits, and keeps the first 70 characters. */
export const maskedTemplate: TemplateOf = (message) =>
  message
    .slice(0, 500)
    .replace(/[0-9a-fA-F]{8}-[0-9a-fA-F-]{10,}/g, "#")
    .replace(/\b[0-9a-f]{8,}\b/g, "#")
    .replace(/\d+/g, "#")
    .slice(0, LONGEST);
