/**
 * Families of sets as zero-suppressed decision diagrams, in typed arrays. Families here are minimal: no set in them holds
 * another. A node's children are always older than it, so a walk by index needs no recursion.
 * @see Minato 1993, DAC; Rauzy 1993, Reliability Engineering & System Safety 40
 */

/** A node. 0: no set at all; 1: the empty set alone. */
export type ZbddRef = number;
export const NONE: ZbddRef = 0;
export const EMPTY_SET: ZbddRef = 1;

/** A diagram to be read: nodes from 2, children before parents; 0 no set, 1 the empty set. */
export interface FrozenZbdd {
  readonly root: number;
  readonly level: Int32Array;
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/** The family's diagram passed its bound. */
export class ZbddTooLarge extends Error {
  readonly nodes: number;
  constructor(nodes: number) {
    super(`more than ${nodes} nodes`);
    this.name = "ZbddTooLarge";
    this.nodes = nodes;
  }
}

const FIRST = 1 << 12;
const MOST_CACHE = 1 << 21;
const TERMINAL = 0x7fffffff;
const [WITHOUT, UNION, PRODUCT] = [1, 2, 3];
/** Slots of a frame: operation, a, b, limit, step, two results. */
const FRAME = 7;

export class Zbdd {
  #maxNodes: number;
  #count = 2;
  level = new Int32Array(FIRST);
  high = new Int32Array(FIRST);
  low = new Int32Array(FIRST);
  /** Elements of the smallest and of the largest set. */
  #least = new Int32Array(FIRST);
  #most = new Int32Array(FIRST);
  #next = new Int32Array(FIRST);
  #buckets = new Int32Array(FIRST);
  /** Operation and limit, a, b, result. */
  #cache = new Int32Array(4 << 14).fill(-1);
  #stack = new Int32Array(FRAME * 64);
  /** Scratch of `freeze`. */
  #stamps = new Int32Array(0);
  #stamp = 0;
  #local = new Int32Array(0);

  constructor({ maxNodes = 1 << 24 } = {}) {
    this.#maxNodes = maxNodes;
    this.#least[0] = TERMINAL;
    this.#most[0] = -1;
    this.level[0] = TERMINAL;
    this.level[1] = TERMINAL;
  }

  get size(): number {
    return this.#count;
  }

  /** Sets of `low`, and those of `high` with the element of this level. Both must lie deeper. @throws ZbddTooLarge */
  make(level: number, high: ZbddRef, low: ZbddRef): ZbddRef {
    if (high === NONE) return low;
    let at = this.#bucket(level, high, low);
    for (let n = this.#buckets[at]!; n !== 0; n = this.#next[n]!)
      if (this.high[n] === high && this.low[n] === low && this.level[n] === level) return n;
    if (this.#count >= this.#maxNodes) throw new ZbddTooLarge(this.#maxNodes);
    if (this.#count === this.level.length) {
      this.#grow();
      at = this.#bucket(level, high, low);
    }
    const n = this.#count++;
    this.level[n] = level;
    this.high[n] = high;
    this.low[n] = low;
    this.#least[n] = Math.min(this.#least[high]! + 1, this.#least[low]!);
    this.#most[n] = Math.max(this.#most[high]! + 1, this.#most[low]!);
    this.#next[n] = this.#buckets[at]!;
    this.#buckets[at] = n;
    return n;
  }

  /** Sets of `a` that hold no set of `b`. */
  without(a: ZbddRef, b: ZbddRef): ZbddRef {
    return this.#run(WITHOUT, a, b, 0);
  }

  /** Minimal sets of both families together. */
  union(a: ZbddRef, b: ZbddRef): ZbddRef {
    return this.#run(UNION, a, b, 0);
  }

  /** Minimal among the unions of a set of `a` with a set of `b` that have at most `order` elements. */
  product(a: ZbddRef, b: ZbddRef, order: number): ZbddRef {
    return this.#run(PRODUCT, a, b, Math.min(order, 0xffff));
  }

  /** An answer that needs no work, or -1. */
  #known(op: number, a: ZbddRef, b: ZbddRef, limit: number): ZbddRef {
    if (op === WITHOUT) {
      if (a === NONE || b === NONE) return a;
      if (b === EMPTY_SET || a === b) return NONE;
      if (this.#most[a]! < this.#least[b]!) return a; // all are too short to hold one of b
    } else if (op === UNION) {
      if (a === NONE || a === b || b === EMPTY_SET) return b;
      if (b === NONE || a === EMPTY_SET) return a;
    } else {
      if (a === NONE || b === NONE) return NONE;
      if (a === EMPTY_SET && b === EMPTY_SET) return EMPTY_SET;
      if (limit === 0) return this.#hasEmpty(a) && this.#hasEmpty(b) ? EMPTY_SET : NONE;
    }
    const at = this.#slot(op, a, b, limit);
    return this.#cache[at] === op + 4 * limit && this.#cache[at + 1] === a && this.#cache[at + 2] === b
      ? this.#cache[at + 3]!
      : -1;
  }

  /** A minimal family with the empty set holds nothing else. */
  #hasEmpty(a: ZbddRef): boolean {
    return a === EMPTY_SET;
  }

  #slot(op: number, a: number, b: number, limit: number): number {
    let x = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77) ^ Math.imul(op + 4 * limit, 0xc2b2ae3d);
    x ^= x >>> 15;
    return (x & (this.#cache.length / 4 - 1)) * 4;
  }

  /** All operations on a stack of our own: a diagram may be deeper than the machine's. */
  #run(op0: number, a0: ZbddRef, b0: ZbddRef, limit0: number): ZbddRef {
    let top = 0;
    let r = NONE;
    let [op, a, b, limit] = [op0, a0, b0, limit0];
    const push = () => {
      if (top + FRAME > this.#stack.length) {
        const wider = new Int32Array(this.#stack.length * 2);
        wider.set(this.#stack);
        this.#stack = wider;
      }
      const s = this.#stack;
      s[top] = op;
      s[top + 1] = a;
      s[top + 2] = b;
      s[top + 3] = limit;
      s[top + 4] = 0;
      top += FRAME;
    };
    const call = (o: number, x: ZbddRef, y: ZbddRef, l: number) => {
      op = o;
      a = x;
      b = y;
      limit = l;
    };
    for (;;) {
      if (op !== WITHOUT && a > b) [a, b] = [b, a];
      r = this.#known(op, a, b, limit);
      if (r < 0) {
        push();
        r = -1;
      }
      // Each turn gives the frame on top the result it waits for; -1 at its first.
      for (;;) {
        if (r >= 0 && top === 0) return r;
        const s = this.#stack;
        const f = top - FRAME;
        const [fo, fa, fb, fl, step] = [s[f]!, s[f + 1]!, s[f + 2]!, s[f + 3]!, s[f + 4]!];
        const { level, high, low } = this;
        const la = level[fa]!;
        const lb = level[fb]!;
        const at = Math.min(la, lb);
        let done = -1;
        s[f + 4] = step + 1;
        if (fo === WITHOUT) {
          if (la > lb) {
            if (step === 0) call(WITHOUT, fa, low[fb]!, 0);
            else done = r;
          } else if (step === 0) call(WITHOUT, high[fa]!, la === lb ? high[fb]! : fb, 0);
          else if (step === 1) {
            if (la === lb) call(WITHOUT, r, low[fb]!, 0);
            else call(WITHOUT, r, NONE, 0);
          } else if (step === 2) {
            s[f + 5] = r;
            call(WITHOUT, low[fa]!, la === lb ? low[fb]! : fb, 0);
          } else done = this.make(at, s[f + 5]!, r);
        } else if (fo === UNION) {
          if (step === 0) call(UNION, la === at ? low[fa]! : fa, lb === at ? low[fb]! : fb, 0);
          else if (step === 1) {
            s[f + 5] = r;
            call(UNION, la === at ? high[fa]! : NONE, lb === at ? high[fb]! : NONE, 0);
          } else if (step === 2) call(WITHOUT, r, s[f + 5]!, 0);
          else done = this.make(at, r, s[f + 5]!);
        } else if (step === 0) call(PRODUCT, la === at ? low[fa]! : fa, lb === at ? low[fb]! : fb, fl);
        else if (step === 1) {
          s[f + 5] = r;
          // With the element: either side may bring it.
          if (la === at) call(UNION, high[fa]!, low[fa]!, 0);
          else call(UNION, fa, NONE, 0);
        } else if (step === 2) {
          s[f + 6] = r;
          if (lb === at) call(UNION, high[fb]!, low[fb]!, 0);
          else call(UNION, fb, NONE, 0);
        } else if (step === 3) call(PRODUCT, s[f + 6]!, r, fl - 1);
        else if (step === 4) call(WITHOUT, r, s[f + 5]!, 0);
        else done = this.make(at, r, s[f + 5]!);
        if (done < 0) break;
        const slot = this.#slot(fo, fa, fb, fl);
        const cache = this.#cache;
        cache[slot] = fo + 4 * fl;
        cache[slot + 1] = fa;
        cache[slot + 2] = fb;
        cache[slot + 3] = done;
        top -= FRAME;
        r = done;
      }
    }
  }

  /** Sets of `a` with at most `order` elements. */
  truncate(a: ZbddRef, order: number): ZbddRef {
    const { level, high, low } = this.freeze(a);
    let previous = new Int32Array(level.length);
    for (let k = 0; k <= order; k++) {
      const current = new Int32Array(level.length);
      current[1] = EMPTY_SET;
      for (let i = 2; i < level.length; i++)
        current[i] = this.make(level[i]!, k === 0 ? NONE : previous[high[i]!]!, current[low[i]!]!);
      previous = current;
    }
    return previous[a <= 1 ? a : level.length - 1]!;
  }

  /** What `a` needs, by itself. */
  freeze(a: ZbddRef): FrozenZbdd {
    if (this.#stamps.length < this.#count) this.#stamps = new Int32Array(this.level.length);
    const stamps = this.#stamps;
    const stamp = ++this.#stamp;
    const found: number[] = [];
    const see = (n: number) => {
      if (n <= 1 || stamps[n] === stamp) return;
      stamps[n] = stamp;
      found.push(n);
    };
    see(a);
    for (let i = 0; i < found.length; i++) {
      see(this.high[found[i]!]!);
      see(this.low[found[i]!]!);
    }
    const nodes = Int32Array.from(found).sort();
    const local = this.#local.length < this.#count ? new Int32Array(this.level.length) : this.#local;
    this.#local = local;
    local[1] = EMPTY_SET;
    for (let i = 0; i < nodes.length; i++) local[nodes[i]!] = i + 2;
    const frozen = {
      root: local[a]!,
      level: new Int32Array(nodes.length + 2).fill(TERMINAL),
      high: new Int32Array(nodes.length + 2),
      low: new Int32Array(nodes.length + 2),
    };
    for (let i = 0; i < nodes.length; i++) {
      const n = nodes[i]!;
      frozen.level[i + 2] = this.level[n]!;
      frozen.high[i + 2] = local[this.high[n]!]!;
      frozen.low[i + 2] = local[this.low[n]!]!;
    }
    return frozen;
  }

  #bucket(level: number, high: number, low: number): number {
    let x = Math.imul(level, 0x27d4eb2f) ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(low, 0x85ebca77);
    x ^= x >>> 15;
    return x & (this.#buckets.length - 1);
  }

  #grow(): void {
    const size = this.level.length * 2;
    const wider = (from: Int32Array) => {
      const to = new Int32Array(size);
      to.set(from);
      return to;
    };
    this.level = wider(this.level);
    this.high = wider(this.high);
    this.low = wider(this.low);
    this.#least = wider(this.#least);
    this.#most = wider(this.#most);
    this.#next = new Int32Array(size);
    this.#buckets = new Int32Array(size);
    for (let n = 2; n < this.#count; n++) {
      const at = this.#bucket(this.level[n]!, this.high[n]!, this.low[n]!);
      this.#next[n] = this.#buckets[at]!;
      this.#buckets[at] = n;
    }
    const cache = Math.min(MOST_CACHE, size);
    if (cache * 4 > this.#cache.length) this.#cache = new Int32Array(cache * 4).fill(-1);
  }
}
