/** A lone surrogate, or one of the characters that XML forbids. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

/** Text into XML or SVG, as content or attribute: never markup, and no character that XML forbids. */
export const xmlText = (text: string): string =>
  text.replace(FORBIDDEN, "\u{fffd}").replace(/[&<>"'\n\r\t]/g, (c) => `&#${c.charCodeAt(0)};`);
