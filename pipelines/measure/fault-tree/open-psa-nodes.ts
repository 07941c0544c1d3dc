/** Reading single elements of an Open-PSA document. */
import { PipelineError } from "../../core/errors.ts";
import type { XmlElement } from "./xml.ts";

export const invalid = (element: XmlElement, detail: string, hint?: string) =>
  new PipelineError("MODEL_INVALID", element.where, { detail, hint });

const LONGEST_NAME = 1000;

/** An attribute that must be there and hold something. */
export function attribute(element: XmlElement, name: string): string {
  const value = element.attributes[name]?.trim();
  if (value === undefined || value === "") throw invalid(element, `<${element.name}> has no ${name}`);
  if (value.length > LONGEST_NAME) throw invalid(element, `${name} is longer than ${LONGEST_NAME} characters`);
  return value;
}

export function integer(element: XmlElement, name: string): number {
  const text = attribute(element, name);
  const value = Number(text);
  if (!/^\+?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw invalid(element, `${name} is "${text}"; it must be a whole number >= 0`);
  return value;
}

/** Children without label and attributes. */
export const body = (element: XmlElement): XmlElement[] =>
  element.children.filter((c) => c.name !== "label" && c.name !== "attributes");

export function only(element: XmlElement, name: string): XmlElement {
  const [found, second] = element.children.filter((c) => c.name === name);
  if (!found) throw invalid(element, `<${element.name}> has no <${name}>`);
  if (second) throw invalid(second, `<${element.name}> has two <${name}>`);
  return found;
}
