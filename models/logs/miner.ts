import { WILDCARD } from "./characters.ts";
import { type Form, formOf, keepLiterals, maskedLine } from "./form.ts";
import { fuse } from "./fuse.ts";
import { jsonLine } from "./json-line.ts";
import { judge } from "./judge.ts";
import { KeyTable } from "./key-table.ts";
import { KnownPatterns } from "./known-patterns.ts";
import { logfmtLine } from "./logfmt-line.ts";
import { type Item, mergeTemplates } from "./merging/index.ts";
import { plainText } from "./plain-text.ts";
import { hashLine, preKey } from "./pre-key.ts";
import { type Component, type Representative, representative } from "./representative.ts";
import { LineScan } from "./scan/line-scan.ts";
import { linked } from "./similarity.ts";
import { loadRepresentative, type MinerCounts, type MinerSnapshot, saveRepresentative } from "./snapshot.ts";
import { type Template, TemplateSet } from "./template-set.ts";
import { templatePieces } from "./template-text.ts";
import { joinedPieces } from "./tokens.ts";

export interface MinerOptions {
  /** Most templates in the making; the rarest and oldest tenth goes when there are more. */
  mostTemplates?: number;
  /** Of a longer line the beginning counts. */
  mostLineChars?: number;
  /** Own variable parts: every match becomes `<*>`. Linear patterns only: they run on untrusted text. */
  masks?: readonly RegExp[];
}

/** Members compared with a new representative, the newest first: bounds the time that a line can take. */
const MOST_COMPARED = 384;
/** Representatives in a cell before it is fused between two settlings. */
const EARLY_FUSE = 12;
const FIRST_SETTLE = 1000;
/** Ids in the merge map. */
const MOST_IDS = 200_000;
const TABLE_BITS = 16;
const KEY_BITS = 16;
/** Lines of a form whose literals are all looked at; later ones at powers of two. */
const LOOKED_AT = 64;

/**
 * Streaming template miner, one configuration for all systems. A line is masked by its looks; masked forms that are
 * alike are held together and fused once there is evidence that they are one template (many values at a position), so
 * that two statements that differ in a word stay two. Ids are stable: the oldest id of fused forms lives on.
 *
 * Known lines cost a hash (1-2 million a second), new ones masking and at most `MOST_COMPARED` comparisons. Memory is
 * bounded by `mostTemplates` (8 kB each at most for lines of usual length) plus 60 MB of tables.
 * @see He et al. 2017, ICWS (Drain); Jiang et al. 2024, ISSTA (evaluation on corrected templates)
 */
export class Miner {
  readonly #mostTemplates: number;
  readonly #mostLineChars: number;
  readonly #masks: readonly RegExp[];
  readonly #table = new KeyTable(TABLE_BITS);
  /** Masked lines to ids. */
  readonly #keys = new KeyTable(KEY_BITS);
  readonly #scan = new LineScan();
  /** The merge map of live templates. */
  readonly #byId = new Map<number, Representative>();
  /** Live representatives by token count. */
  readonly #buckets = new Map<number, Representative[]>();
  readonly #patterns = new KnownPatterns();
  /** Dropped for want of space, oldest first; their text is kept while there is room. */
  #retired: Item[] = [];
  #live = 0;
  #seen = 0;
  #nextId = 1;
  #nextSettle = FIRST_SETTLE;
  #counts: MinerCounts = { cutLines: 0, retiredTemplates: 0, forgottenTemplates: 0 };

  constructor({ mostTemplates = 10_000, mostLineChars = 8192, masks = [] }: MinerOptions = {}) {
    if (!(mostTemplates >= 10)) throw new RangeError(`Miner: mostTemplates is ${mostTemplates}; give 10 or more`);
    if (!(mostLineChars >= 64)) throw new RangeError(`Miner: mostLineChars is ${mostLineChars}; give 64 or more`);
    this.#mostTemplates = mostTemplates;
    this.#mostLineChars = mostLineChars;
    this.#masks = masks;
  }

  /** Learns one line (without its line end); gives the id of its template as of now, > 0. See `templates` for later. */
  add(line: string): number {
    if (++this.#seen === this.#nextSettle) {
      this.#nextSettle *= 2;
      this.settle();
    }
    if (line.length > this.#mostLineChars) this.#counts.cutLines++;
    const text = plainText(line, this.#mostLineChars);
    hashLine(text);
    const { h, g } = preKey;
    const known = this.#byId.get(this.#table.get(h, g));
    if (known) {
      known.lines++;
      known.lastLine = this.#seen;
      if (!known.fused && isLookedAt(known.lines)) {
        const form = known.forms[0] as Form;
        if (form.literals !== null) keepLiterals(form, text);
      }
      return known.id;
    }
    const id = this.#addUnknown(text);
    this.#table.set(h, g, id);
    return id;
  }

  #addUnknown(text: string): number {
    const line = this.#read(text);
    const scan = this.#scan;
    const { h, g } = scan;
    const known = this.#byId.get(this.#keys.get(h, g));
    if (known) return this.#count(known, line);
    const match = this.#patterns.find(scan);
    if (match) {
      this.#keys.set(h, g, match.id);
      return this.#count(match, line);
    }
    if (this.#live >= this.#mostTemplates) this.#makeRoom();
    this.#scan.scan(line);
    const made = representative(this.#nextId++, formOf(maskedLine(scan.pieces()), line), this.#seen);
    made.pieceCount = scan.pieceCount;
    made.runs = scan.runs;
    this.#byId.set(made.id, made);
    this.#keys.set(h, g, made.id);
    const component = this.#place(made);
    component.added++;
    const { length } = component.members;
    if (length > 1 && (length <= 4 || component.added >= Math.min(length / 2, 64 + length / 16))) {
      component.added = 0;
      this.#fuseCells(component, EARLY_FUSE);
    }
    return (this.#byId.get(made.id) as Representative).id;
  }

  /** Scans a line with own masks and values of structured lines taken out, and gives it as it was scanned. */
  #read(text: string): string {
    const masked = this.#masks.length === 0 ? text : this.#masks.reduce((t, m) => t.replaceAll(m, WILDCARD), text);
    const line = logfmtLine(jsonLine(masked));
    this.#scan.scan(line);
    return line;
  }

  /** The line just scanned is one of `r`. */
  #count(r: Representative, line: string): number {
    r.lines++;
    r.lastLine = this.#seen;
    const form = r.forms[0] as Form;
    const { pieceCount, runs } = this.#scan;
    if (!form.varies && (pieceCount !== r.pieceCount || (!r.fused && runs !== r.runs))) form.varies = true;
    if (form.literals !== null && isLookedAt(r.lines)) keepLiterals(form, line);
    return r.id;
  }

  /** Joins the components that have members similar to `r`. */
  #place(r: Representative): Component {
    this.#live++;
    const bucket = this.#buckets.get(r.tokens.length) ?? [];
    this.#buckets.set(r.tokens.length, bucket);
    for (let i = bucket.length - 1, left = MOST_COMPARED; i >= 0 && left > 0; i--) {
      const other = bucket[i] as Representative;
      if (other.gone) continue;
      left--;
      if (other.component === r.component || !linked(r, other)) continue;
      const [small, large] =
        other.component.members.length < r.component.members.length
          ? [other.component, r.component]
          : [r.component, other.component];
      large.added += small.added;
      for (const member of small.members) {
        member.component = large;
        large.members.push(member);
      }
    }
    bucket.push(r);
    return r.component;
  }

  /** Fuses the cells of a component that have at least `least` members. */
  #fuseCells(component: Component, least: number): void {
    let fused = false;
    for (const cell of judge(component.members)) {
      if (cell.length < least) continue;
      fused = true;
      const kept = fuse(cell);
      for (const id of kept.ids) this.#byId.set(id, kept);
      this.#live -= cell.length - 1;
      this.#know(kept);
    }
    if (!fused) return;
    component.members = component.members.filter((r) => !r.gone);
    this.#dropGone(component.members[0]?.tokens.length as number);
  }

  #know(fused: Representative): void {
    this.#scan.scanMasked(joinedPieces(fused.tokens), { join: false });
    this.#patterns.add(fused, this.#scan);
  }

  #dropGone(length: number): void {
    const bucket = this.#buckets.get(length)?.filter((r) => !r.gone) ?? [];
    if (bucket.length > 0) this.#buckets.set(length, bucket);
    else this.#buckets.delete(length);
  }

  /** Fuses all that is one template on the evidence so far. Happens by itself at lines 1000, 2000, 4000, ... */
  settle(): void {
    const components = new Set<Component>();
    for (const bucket of this.#buckets.values()) for (const r of bucket) components.add(r.component);
    for (const component of components) if (component.members.length > 1) this.#fuseCells(component, 2);
    this.#patterns.dropGone();
  }

  #makeRoom(): void {
    this.settle();
    const share = Math.ceil(this.#mostTemplates / 10);
    if (this.#live <= this.#mostTemplates - share) return;
    const all = [...this.#buckets.values()].flat();
    const out = all
      .sort((a, b) => Math.min(a.lines, 8) - Math.min(b.lines, 8) || a.lastLine - b.lastLine)
      .slice(0, share);
    for (const r of out) {
      r.gone = true;
      r.component.members = r.component.members.filter((m) => m !== r);
      for (const id of r.ids) this.#byId.delete(id);
      this.#retired.push({ pieces: templatePieces(r), lines: r.lines, ids: r.ids });
    }
    this.#live -= out.length;
    this.#counts.retiredTemplates += out.length;
    for (const length of this.#buckets.keys()) this.#dropGone(length);
    this.#patterns.dropGone();
    const tooMany = this.#retired.length - this.#mostTemplates;
    if (tooMany > 0) {
      this.#retired = this.#retired.slice(tooMany);
      this.#counts.forgottenTemplates += tooMany;
    }
    if (this.#byId.size > MOST_IDS) this.#dropOldIds();
  }

  /** The merge map forgets the oldest ids that no template is named by. */
  #dropOldIds(): void {
    let tooMany = this.#byId.size - MOST_IDS / 2;
    const touched = new Set<Representative>();
    for (const [id, r] of this.#byId) {
      if (tooMany <= 0) break;
      if (r.id === id) continue;
      this.#byId.delete(id);
      touched.add(r);
      tooMany--;
    }
    for (const r of touched) r.ids.splice(0, r.ids.length, ...r.ids.filter((id) => this.#byId.has(id)));
  }

  /** Where the lines of an id are now; the id itself where it was dropped. O(1). */
  current(id: number): number {
    return this.#byId.get(id)?.id ?? id;
  }

  /** The template of an id as of now, `<*>` where it was dropped. O(forms). */
  textOf(id: number): string {
    const r = this.#byId.get(id);
    return r ? templatePieces(r).join(" ") : WILDCARD;
  }

  /** Key of a line (lines of one masked form have the same), and the id of the template that it is known to be of; learns nothing. */
  find(line: string): { key: number; id: number | undefined } {
    this.#read(plainText(line, this.#mostLineChars));
    const { h, g } = this.#scan;
    return { key: (h >>> 0) * 0x200000 + (g >>> 11), id: this.#patterns.find(this.#scan)?.id };
  }

  /** Settles, then gives all templates, most lines first, and where every id is now. O(templates). */
  templates(): TemplateSet {
    this.settle();
    const items: Item[] = [...this.#retired];
    for (const bucket of this.#buckets.values())
      for (const r of bucket) items.push({ pieces: templatePieces(r), lines: r.lines, ids: r.ids });
    items.sort((a, b) => (a.ids[0] as number) - (b.ids[0] as number));
    const byId = new Map<number, Template>();
    const templates = mergeTemplates(items).map(({ pieces, lines, ids }) => {
      const template = { id: ids.reduce((a, b) => Math.min(a, b)), text: pieces.join(" "), lines };
      for (const id of ids) byId.set(id, template);
      return template;
    });
    templates.sort((a, b) => b.lines - a.lines || a.id - b.id);
    const known = templates.reduce((sum, t) => sum + t.lines, 0);
    return new TemplateSet(templates, byId, { id: 0, text: WILDCARD, lines: this.#seen - known });
  }

  get counts(): Readonly<MinerCounts & { lines: number; live: number }> {
    return { ...this.#counts, lines: this.#seen, live: this.#live };
  }

  snapshot(): MinerSnapshot {
    const representatives = [...this.#buckets.values()].flat().sort((a, b) => a.id - b.id);
    return {
      version: 1,
      seen: this.#seen,
      nextSettle: this.#nextSettle,
      nextId: this.#nextId,
      representatives: representatives.map(saveRepresentative),
      retired: this.#retired.map((item) => ({ ...item, ids: [...item.ids] })),
      counts: { ...this.#counts },
    };
  }

  /** The inverse of `snapshot`. Throws `RangeError` for what is none. */
  static restore(saved: MinerSnapshot, options: MinerOptions = {}): Miner {
    if (saved?.version !== 1 || !Array.isArray(saved.representatives))
      throw new RangeError("Miner: not a snapshot of version 1");
    const miner = new Miner(options);
    miner.#seen = saved.seen;
    miner.#nextSettle = saved.nextSettle;
    miner.#nextId = saved.nextId;
    miner.#retired = [...saved.retired];
    miner.#counts = { ...saved.counts };
    for (const one of saved.representatives) {
      const r = loadRepresentative(one);
      for (const id of r.ids) miner.#byId.set(id, r);
      miner.#place(r);
      const scan = miner.#scan;
      scan.scanMasked((r.forms[0] as Form).pieces);
      r.pieceCount = scan.pieceCount;
      r.runs = scan.runs;
      if (r.fused) miner.#know(r);
      else miner.#keys.set(scan.h, scan.g, r.id);
    }
    return miner;
  }
}

const isLookedAt = (lines: number): boolean => lines < LOOKED_AT || (lines & (lines - 1)) === 0;
