import { WILDCARD } from "./characters.ts";

/** The line as it is mined: terminal colours gone, and no longer than `mostChars` (cut at white space where it can be). */
export function plainText(line: string, mostChars: number): string {
  const text = line.length > mostChars ? shortened(line, mostChars) : line;
  return text.includes("\x1b") ? withoutEscapes(text) : text;
}

function shortened(line: string, mostChars: number): string {
  const space = line.lastIndexOf(" ", mostChars);
  return `${line.slice(0, space > mostChars / 2 ? space : mostChars)} ${WILDCARD}`;
}

/** Removes ECMA-48 control sequences (`ESC [ parameters final`). */
function withoutEscapes(text: string): string {
  let out = "";
  let from = 0;
  for (let i = text.indexOf("\x1b"); i >= 0; i = text.indexOf("\x1b", from)) {
    let end = i + 1;
    if (text[end] === "[") {
      end++;
      while (end < text.length && text.charCodeAt(end) >= 32 && text.charCodeAt(end) < 64) end++;
      end++;
    }
    out += text.slice(from, i);
    from = end;
  }
  return out + text.slice(from);
}
