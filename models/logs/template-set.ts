/** One template as shown. */
export interface Template {
  /** The oldest id whose lines belong to it. */
  readonly id: number;
  /** Words with `<*>` where lines differ. */
  readonly text: string;
  readonly lines: number;
}

/** Templates as of one moment, with the merge map from every id that a line was given to the template it is in now. */
export class TemplateSet {
  readonly templates: readonly Template[];
  readonly #byId: ReadonlyMap<number, Template>;
  readonly #rest: Template;

  constructor(templates: readonly Template[], byId: ReadonlyMap<number, Template>, rest: Template) {
    this.templates = templates;
    this.#byId = byId;
    this.#rest = rest;
  }

  /** An id so old that its template was dropped belongs to template 0, `<*>`. */
  of(id: number): Template {
    return this.#byId.get(id) ?? this.#rest;
  }
}
