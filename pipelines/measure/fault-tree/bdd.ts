/**
 * Reduced ordered binary decision diagrams with complement edges, in typed arrays: 20 bytes a node. No recursion, so no
 * depth is too much.
 * @see Bryant 1986, IEEE Trans. Computers 35(8); Brace, Rudell & Bryant 1990, DAC
 */

/** `node << 1`, with the last bit set where the function is negated. Node 0 is the constant true. */
export type BddRef = number;
export const BDD_TRUE: BddRef = 0;
export const BDD_FALSE: BddRef = 1;

/** The diagram passed its bound: another order of the variables may fit. */
export class BddTooLarge extends Error {
  readonly nodes: number;
  constructor(nodes: number) {
    super(`more than ${nodes} nodes`);
    this.name = "BddTooLarge";
    this.nodes = nodes;
  }
}

const FIRST = 1 << 6;
const LEAST_CROWD = 8192;
const LEAST_CACHE = 1 << 6;
const MOST_CACHE = 1 << 22;

/** A diagram to be read, children before parents; node 0 is the constant true. */
export interface FrozenBdd {
  readonly root: BddRef;
  readonly level: Int32Array;
  readonly high: Int32Array;
  readonly low: Int32Array;
}

export class Bdd {
  #levels: number;
  #most: number;
  #count = 1;
  #live = 1;
  /** Live ones after the last collection. */
  #kept = 1;
  #free = 0;
  #level = new Int32Array(FIRST);
  /** Never negated: that is what makes a function's diagram unique. */
  #high = new Int32Array(FIRST);
  #low = new Int32Array(FIRST);
  #next = new Int32Array(FIRST);
  #buckets = new Int32Array(FIRST);
  /** f, g, h, result of `ite`; a newer one takes the place of an older one. */
  #cache = new Int32Array(LEAST_CACHE * 4).fill(-1);
  #stack: Int32Array;

  /** At most `maxNodes` at a time, those that are garbage included. */
  constructor(levels: number, { maxNodes = 1 << 24 } = {}) {
    this.#levels = levels;
    this.#most = maxNodes;
    this.#level[0] = levels;
    this.#stack = new Int32Array((levels + 2) * 6);
  }

  /** Nodes that exist, those that nobody needs any more included. */
  get nodes(): number {
    return this.#live;
  }

  levelOf(f: BddRef): number {
    return this.#level[f >> 1]!;
  }

  variable(level: number): BddRef {
    return this.#make(level, BDD_TRUE, BDD_FALSE);
  }

  and(f: BddRef, g: BddRef): BddRef {
    return this.ite(f, g, BDD_FALSE);
  }
  or(f: BddRef, g: BddRef): BddRef {
    return this.ite(f, BDD_TRUE, g);
  }

  /** if f then g else h. @throws BddTooLarge */
  ite(f: BddRef, g: BddRef, h: BddRef): BddRef {
    const stack = this.#stack;
    let top = 0;
    let r: BddRef;
    for (;;) {
      let negated = 0;
      r = -1;
      if (f === BDD_TRUE) r = g;
      else if (f === BDD_FALSE) r = h;
      else {
        if (f === g) g = BDD_TRUE;
        else if ((f ^ 1) === g) g = BDD_FALSE;
        if (f === h) h = BDD_FALSE;
        else if ((f ^ 1) === h) h = BDD_TRUE;
        if (g === h) r = g;
        else if (g === BDD_TRUE && h === BDD_FALSE) r = f;
        else if (g === BDD_FALSE && h === BDD_TRUE) r = f ^ 1;
      }
      if (r < 0) {
        // One writing for equal calls: and, or are commutative; neither f nor g is negated.
        if (h === BDD_FALSE && g > 1 && g < f) [f, g] = [g, f];
        else if (g === BDD_TRUE && h < f) [f, h] = [h, f];
        if (f & 1) {
          f ^= 1;
          [g, h] = [h, g];
        }
        if (g & 1) {
          g ^= 1;
          h ^= 1;
          negated = 1;
        }
        const at = this.#slot(f, g, h);
        const cache = this.#cache;
        if (cache[at] === f && cache[at + 1] === g && cache[at + 2] === h) r = cache[at + 3]! ^ negated;
        else {
          const level = Math.min(this.#level[f >> 1]!, this.#level[g >> 1]!, this.#level[h >> 1]!);
          stack[top] = f;
          stack[top + 1] = g;
          stack[top + 2] = h;
          stack[top + 3] = level;
          stack[top + 4] = negated;
          stack[top + 5] = -1; // result of the high side
          top += 6;
          f = this.#cofactor(f, level, this.#high);
          g = this.#cofactor(g, level, this.#high);
          h = this.#cofactor(h, level, this.#high);
          continue;
        }
      }
      for (;;) {
        if (top === 0) return r;
        const [sf, sg, sh, level] = [stack[top - 6]!, stack[top - 5]!, stack[top - 4]!, stack[top - 3]!];
        if (stack[top - 1]! < 0) {
          stack[top - 1] = r;
          f = this.#cofactor(sf, level, this.#low);
          g = this.#cofactor(sg, level, this.#low);
          h = this.#cofactor(sh, level, this.#low);
          break;
        }
        r = this.#make(level, stack[top - 1]!, r);
        const at = this.#slot(sf, sg, sh);
        const cache = this.#cache;
        cache[at] = sf;
        cache[at + 1] = sg;
        cache[at + 2] = sh;
        cache[at + 3] = r;
        r ^= stack[top - 2]!;
        top -= 6;
      }
    }
  }

  #cofactor(f: BddRef, level: number, side: Int32Array): BddRef {
    return this.#level[f >> 1] === level ? side[f >> 1]! ^ (f & 1) : f;
  }

  #slot(f: number, g: number, h: number): number {
    let x = Math.imul(f, 0x9e3779b1) ^ Math.imul(g, 0x85ebca77) ^ Math.imul(h, 0xc2b2ae3d);
    x ^= x >>> 15;
    return (x & (this.#cache.length / 4 - 1)) * 4;
  }

  #bucket(level: number, high: number, low: number): number {
    let x = Math.imul(level, 0x27d4eb2f) ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(low, 0x85ebca77);
    x ^= x >>> 15;
    return x & (this.#buckets.length - 1);
  }

  #make(level: number, high: BddRef, low: BddRef): BddRef {
    if (high === low) return high;
    const negated = high & 1;
    if (negated) {
      high ^= 1;
      low ^= 1;
    }
    let at = this.#bucket(level, high, low);
    for (let n = this.#buckets[at]!; n !== 0; n = this.#next[n]!)
      if (this.#high[n] === high && this.#low[n] === low && this.#level[n] === level) return (n << 1) | negated;
    let node = this.#free;
    if (node !== 0) this.#free = this.#next[node]!;
    else {
      if (this.#count >= this.#most) throw new BddTooLarge(this.#most);
      if (this.#count === this.#level.length) {
        this.#grow();
        at = this.#bucket(level, high, low);
      }
      node = this.#count++;
    }
    this.#live += 1;
    this.#level[node] = level;
    this.#high[node] = high;
    this.#low[node] = low;
    this.#next[node] = this.#buckets[at]!;
    this.#buckets[at] = node;
    return (node << 1) | negated;
  }

  #grow(): void {
    const size = Math.min(this.#level.length * 2, Math.max(this.#most, FIRST));
    const wider = (from: Int32Array) => {
      const to = new Int32Array(size);
      to.set(from);
      return to;
    };
    this.#level = wider(this.#level);
    this.#high = wider(this.#high);
    this.#low = wider(this.#low);
    this.#next = new Int32Array(size);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(size)));
    for (let n = 1; n < this.#count; n++) this.#link(n);
    this.#free = 0;
    const cache = Math.min(MOST_CACHE, 2 ** Math.ceil(Math.log2(size) + 1));
    if (cache * 4 > this.#cache.length) this.#cache = new Int32Array(cache * 4).fill(-1);
  }

  #link(node: number): void {
    const at = this.#bucket(this.#level[node]!, this.#high[node]!, this.#low[node]!);
    this.#next[node] = this.#buckets[at]!;
    this.#buckets[at] = node;
  }

  #reached(roots: Iterable<BddRef>): Uint8Array {
    const seen = new Uint8Array(this.#count);
    seen[0] = 1;
    const stack: number[] = [];
    const see = (f: BddRef) => {
      if (seen[f >> 1]) return;
      seen[f >> 1] = 1;
      stack.push(f >> 1);
    };
    for (const root of roots) see(root);
    for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
      see(this.#high[n]!);
      see(this.#low[n]!);
    }
    return seen;
  }

  /** Frees every node that `roots` don't need. Other references are invalid from now on. */
  collect(roots: Iterable<BddRef>): void {
    const seen = this.#reached(roots);
    this.#buckets.fill(0);
    this.#cache.fill(-1);
    this.#free = 0;
    this.#live = 1;
    for (let n = this.#count - 1; n > 0; n--) {
      if (seen[n]) {
        this.#link(n);
        this.#live += 1;
      } else {
        this.#next[n] = this.#free;
        this.#free = n;
      }
    }
    this.#kept = this.#live;
  }

  /** Worth a collection: more than twice what the last one left. */
  get crowded(): boolean {
    return this.#live > Math.max(LEAST_CROWD, 2 * this.#kept);
  }

  /** What one root needs, by itself. */
  freeze(root: BddRef): FrozenBdd {
    const seen = this.#reached([root]);
    const perLevel = new Int32Array(this.#levels + 2);
    let total = 0;
    for (let n = 0; n < this.#count; n++)
      if (seen[n]) {
        perLevel[this.#levels - this.#level[n]! + 1]! += 1;
        total += 1;
      }
    for (let i = 1; i < perLevel.length; i++) perLevel[i]! += perLevel[i - 1]!;
    const image = new Int32Array(this.#count);
    for (let n = 0; n < this.#count; n++) if (seen[n]) image[n] = perLevel[this.#levels - this.#level[n]!]!++;
    const frozen = {
      root: (image[root >> 1]! << 1) | (root & 1),
      level: new Int32Array(total),
      high: new Int32Array(total),
      low: new Int32Array(total),
    };
    for (let n = 0; n < this.#count; n++) {
      if (!seen[n]) continue;
      const i = image[n]!;
      frozen.level[i] = this.#level[n]!;
      frozen.high[i] = (image[this.#high[n]! >> 1]! << 1) | (this.#high[n]! & 1);
      frozen.low[i] = (image[this.#low[n]! >> 1]! << 1) | (this.#low[n]! & 1);
    }
    return frozen;
  }
}
