const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const LEAST = 13;
const MOST = 19;

/**
 * End of the payment card number that begins at `start`, -1 where there is none: 13-19 digits in one piece or in groups
 * of 4 or more that one kind of space or dash parts, of a known issuer, with a right check digit. O(1).
 * @see ISO/IEC 7812-1 (issuer numbers, annex B: Luhn's formula)
 */
export function cardEnd(text: string, start: number): number {
  let digits = "";
  let separator = 0;
  let group = 0;
  let i = start;
  for (; i < text.length && digits.length <= MOST; i++) {
    const c = text.charCodeAt(i);
    if (isDigit(c)) {
      digits += text[i];
      group++;
      continue;
    }
    const parts = (c === 32 || c === 45) && (separator === 0 || separator === c);
    if (!parts || group < 4 || !isDigit(text.charCodeAt(i + 1))) break;
    // "4111111111111111 200": what follows a whole number is another one.
    if (digits.length >= LEAST && group === digits.length) break;
    separator = c;
    group = 0;
  }
  if (digits.length < LEAST || digits.length > MOST || !isIssued(digits) || !luhn(digits)) return -1;
  return /[A-Za-z_]/.test(text[i] ?? "") ? -1 : i;
}

/** Begins and is as long as a number of Visa, Mastercard, American Express, Discover, Diners, JCB, Maestro or UnionPay. */
function isIssued(digits: string): boolean {
  const n = digits.length;
  const four = Number(digits.slice(0, 4));
  const two = Math.floor(four / 100);
  if (two >= 40 && two <= 49) return n === 13 || n === 16 || n === 19;
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return n === 16;
  if (two === 34 || two === 37) return n === 15;
  if (two === 36 || two === 38 || two === 39 || two === 30) return n === 14 || n === 16;
  if (two === 35) return n === 16;
  return (two === 60 || two === 62 || two === 64 || two === 65 || four === 6759 || four === 6304) && n >= 16;
}

export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const d = digits.charCodeAt(digits.length - 1 - i) - 48;
    sum += i % 2 === 0 ? d : d > 4 ? 2 * d - 9 : 2 * d;
  }
  return sum % 10 === 0;
}
