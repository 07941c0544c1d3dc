/** XML into a tree of elements, within bounds: no entity is ever expanded, nothing outside is ever fetched. */
import { SaxesParser } from "saxes";
import { PipelineError } from "../../core/errors.ts";

/** One of millions: what most have none of is shared. */
export class XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  children: readonly XmlElement[] = NO_CHILDREN;
  /** Text directly in it, trimmed; its beginning where it is long. */
  text = "";
  readonly #file: string;
  readonly #line: number;
  readonly #column: number;

  constructor(name: string, attributes: Record<string, string>, at: { file: string; line: number; column: number }) {
    this.name = name;
    this.attributes = Object.keys(attributes).length === 0 ? NO_ATTRIBUTES : attributes;
    this.#file = at.file;
    this.#line = at.line;
    this.#column = at.column;
  }

  /** `file:line:column`, both from 1. */
  get where(): string {
    return `${this.#file}:${this.#line}:${this.#column}`;
  }

  add(child: XmlElement): void {
    if (this.children === NO_CHILDREN) this.children = [child];
    else (this.children as XmlElement[]).push(child);
  }
}
const NO_CHILDREN: readonly XmlElement[] = [];
const NO_ATTRIBUTES: Readonly<Record<string, string>> = {};

export interface XmlLimits {
  readonly depth: number;
  readonly elements: number;
}

export const XML_LIMITS: XmlLimits = { depth: 400, elements: 2_500_000 };
const TEXT = 1000;
const CHUNK = 1 << 16;

/**
 * The document's element.
 * @throws PipelineError MODEL_INVALID with line and column: not well-formed, an entity declared, a bound passed
 */
export function parseXml(text: string, file: string, limits: XmlLimits = XML_LIMITS): XmlElement {
  const parser = new SaxesParser({ xmlns: false });
  const here = (back = 0) => `${file}:${parser.line}:${Math.max(1, parser.column - back)}`;
  const refuse = (detail: string, hint?: string, where = here()) =>
    new PipelineError("MODEL_INVALID", where, { detail, hint });
  let root: XmlElement | undefined;
  const open: XmlElement[] = [];
  let count = 0;
  let started = { file, line: 1, column: 1 };
  parser.on("error", (error) => {
    throw refuse(error.message.replace(/^[^:]*:?\d+:\d+: /, "").trim());
  });
  parser.on("doctype", (declaration) => {
    if (declaration.includes("<!ENTITY"))
      throw refuse("it declares entities", "entities are never expanded: write their text where it belongs");
  });
  parser.on("opentagstart", (tag) => {
    started = { file, line: parser.line, column: Math.max(1, parser.column - tag.name.length - 1) };
  });
  parser.on("opentag", (tag) => {
    const element = new XmlElement(tag.name, tag.attributes, started);
    if (++count > limits.elements) throw refuse(`more than ${limits.elements} elements`, undefined, element.where);
    if (open.length >= limits.depth)
      throw refuse(`elements nested deeper than ${limits.depth}`, undefined, element.where);
    open.at(-1)?.add(element);
    root ??= element;
    open.push(element);
  });
  parser.on("closetag", () => {
    const closed = open.pop();
    if (closed) closed.text = closed.text.trim();
  });
  parser.on("text", (part) => {
    const inside = open.at(-1);
    if (inside && inside.text.length < TEXT) inside.text += part.slice(0, TEXT);
  });
  for (let at = 0; at < text.length; at += CHUNK) parser.write(text.slice(at, at + CHUNK));
  parser.close();
  if (!root) throw refuse("it holds no element");
  return root;
}
