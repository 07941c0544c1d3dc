/** Trace and span ids as two words, so that a waiting span holds no text. */

const NO_DIGIT = 255;
const DIGIT = new Uint8Array(128).fill(NO_DIGIT);
for (let i = 0; i < 16; i++) {
  const digit = i.toString(16);
  DIGIT[digit.charCodeAt(0)] = i;
  DIGIT[digit.toUpperCase().charCodeAt(0)] = i;
}
const WORD = 8;
const [A, B] = [0x9e3779b1, 0x85ebca6b];

/** The last id read: `high` and `low`, both 0 for an empty or an all-zero id, which W3C Trace Context calls invalid. */
export class SpanId {
  high = 0;
  low = 0;
  #bad = 0;

  /**
   * 16 hexadecimal digits, as OpenTelemetry's span ids have, are kept as they are; the 32 of a trace id are folded, any
   * other text is hashed: two ids of a million then share both words with a probability of about 3e-8.
   */
  read(id: string): this {
    this.high = 0;
    this.low = 0;
    this.#bad = 0;
    if (id.length === 2 * WORD) {
      this.high = this.#word(id, 0);
      this.low = this.#word(id, WORD);
    } else if (id.length === 4 * WORD) {
      this.high = (Math.imul(this.#word(id, 0), A) + this.#word(id, 2 * WORD)) | 0;
      this.low = (Math.imul(this.#word(id, WORD), B) + this.#word(id, 3 * WORD)) | 0;
    } else if (id !== "") this.#bad = NO_DIGIT;
    if (this.#bad > 15) this.#hash(id);
    return this;
  }

  #word(id: string, from: number): number {
    let word = 0;
    for (let i = from; i < from + WORD; i++) {
      const code = id.charCodeAt(i);
      const digit = code < 128 ? DIGIT[code]! : NO_DIGIT;
      this.#bad |= digit;
      word = (word << 4) | (digit & 15);
    }
    return word;
  }

  /** FNV-1a with two multipliers. */
  #hash(id: string): void {
    let [high, low] = [0x811c9dc5, 0x01000193];
    for (let i = 0; i < id.length; i++) {
      const code = id.charCodeAt(i);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul(low ^ code, B);
    }
    this.high = high;
    this.low = low;
  }
}
