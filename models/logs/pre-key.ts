const HEX = 2;
const DIGIT = 3;
const SPACE = 4;
const LETTER = 1;
/** 1 letter g-z, 2 hex letter, 3 digit, 4 white space, 0 other. */
const kindOf = new Uint8Array(65536);
for (let c = 0; c < 128; c++) {
  const lower = c | 32;
  if (c >= 48 && c <= 57) kindOf[c] = DIGIT;
  else if (lower >= 97 && lower <= 102) kindOf[c] = HEX;
  else if (lower >= 103 && lower <= 122) kindOf[c] = LETTER;
  else if (c <= 32) kindOf[c] = SPACE;
}
/** Ends a path or URL: white space, quotes, closing brackets, `<`, `>`, `|`, `,`, `;`. */
const pathStop = new Uint8Array(128).fill(1, 0, 33);
for (const c of "\"')]}<>|,;") pathStop[c.charCodeAt(0)] = 1;

const PATH = 1001;
const NUMBER = 1002;
const HEX_RUN = 1003;
const URL = 1004;
const UUID = 1005;
const COLON_HEX = 1006;
const LEAST_HEX = 6;

/** The two hashes of the line given last: returned in a place of their own, so that a call makes no object. */
export const preKey = { h: 0, g: 0 };

/**
 * Hashes a raw line with runs of digits, hex runs, UUIDs, addresses with colons, paths and URLs collapsed, into
 * `preKey`. Coarser than masking never, finer often: lines of one key have one template. One pass, no allocation.
 */
export function hashLine(line: string): void {
  let h = 0x811c9dc5 | 0;
  let g = 0x9747b28c | 0;
  const n = line.length;
  let i = 0;
  let wordStart = true;
  while (i < n) {
    let c = line.charCodeAt(i);
    let kind = kindOf[c]!;
    if (kind === 0 || kind === SPACE) {
      let mark = 0;
      if (c === 47 && wordStart) {
        let slashes = 1;
        let e = i + 1;
        for (; e < n; e++) {
          const q = line.charCodeAt(e);
          if (q < 128 && pathStop[q] === 1) break;
          if (q === 47) slashes++;
        }
        if (slashes > 1) {
          mark = PATH;
          i = withoutFullStop(line, i, e);
        }
      } else if (c === 58 && line.charCodeAt(i + 1) === 47 && line.charCodeAt(i + 2) === 47) {
        let e = i + 3;
        for (; e < n; e++) {
          const q = line.charCodeAt(e);
          if (q < 128 && pathStop[q] === 1) break;
        }
        mark = URL;
        i = withoutFullStop(line, i + 3, e);
      }
      if (mark === 0) {
        mark = c;
        wordStart = c !== 46 && c !== 45 && c !== 95 && c !== 47;
        i++;
      } else wordStart = false;
      h = Math.imul(h ^ mark, 0x01000193);
      g = (Math.imul(g, 31) + mark) | 0;
      continue;
    }
    const h0 = h;
    const g0 = g;
    let e = i;
    let digits = false;
    let hex = true;
    let afterDigit = false;
    do {
      if (kind === DIGIT) {
        digits = true;
        if (!afterDigit) {
          h = Math.imul(h ^ NUMBER, 0x01000193);
          g = (Math.imul(g, 31) + NUMBER) | 0;
          afterDigit = true;
        }
      } else {
        if (kind === LETTER) hex = false;
        afterDigit = false;
        h = Math.imul(h ^ c, 0x01000193);
        g = (Math.imul(g, 31) + c) | 0;
      }
      if (++e >= n) break;
      c = line.charCodeAt(e);
      kind = kindOf[c]!;
    } while (kind !== 0 && kind !== SPACE);
    let mark = 0;
    if (hex && e < n) {
      if (c === 45 && e - i === 8 && isUuid(line, i)) {
        mark = UUID;
        e = i + 36;
      } else if (c === 58 && e - i <= 4) {
        const end = colonGroupsEnd(line, e);
        if (end > 0) {
          mark = COLON_HEX;
          e = end;
        }
      }
    }
    if (mark === 0 && digits && hex && e - i >= LEAST_HEX) mark = HEX_RUN;
    if (mark !== 0) {
      h = Math.imul(h0 ^ mark, 0x01000193);
      g = (Math.imul(g0, 31) + mark) | 0;
    }
    i = e;
    wordStart = false;
  }
  preKey.h = (h ^ (h >>> 13)) | 0;
  preKey.g = g | 0;
}

function withoutFullStop(line: string, start: number, end: number): number {
  let e = end;
  while (e > start && (line.charCodeAt(e - 1) === 46 || line.charCodeAt(e - 1) === 58)) e--;
  return e;
}

function isUuid(line: string, at: number): boolean {
  return (
    at + 36 <= line.length &&
    line.charCodeAt(at + 13) === 45 &&
    line.charCodeAt(at + 18) === 45 &&
    line.charCodeAt(at + 23) === 45
  );
}

/** End of hex groups with at least three colons in all, the first at `at`; 0 where there are none. */
function colonGroupsEnd(line: string, at: number): number {
  let colons = 0;
  let j = at;
  for (; j < line.length; j++) {
    const q = line.charCodeAt(j);
    if (q === 58) colons++;
    else if (kindOf[q] !== HEX && kindOf[q] !== DIGIT) break;
  }
  const ends = j >= line.length || kindOf[line.charCodeAt(j)] !== LETTER;
  return colons > 2 && ends && line.charCodeAt(j - 1) !== 58 ? j : 0;
}
