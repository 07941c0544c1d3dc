import { PipelineError } from "../../core/errors.ts";

export interface Reference {
  readonly name: string;
  /** A number, a stage, or "latest"; undefined: live where there is one, else the latest. */
  readonly version: number | "live" | "shadow" | "latest" | undefined;
}

const FORM = /^([a-z0-9][a-z0-9._-]{0,63})(?:@(\d{1,9})|:(live|shadow|latest|candidate))?$/i;

/** `NAME`, `NAME@3`, `NAME:live`, `NAME:shadow`, `NAME:latest` (or `:candidate`); undefined for what has another form. */
export function parseReference(text: string): Reference | undefined {
  const match = FORM.exec(text);
  if (!match || match[1]!.includes("..")) return undefined;
  const stage = match[3]?.toLowerCase();
  const version = match[2] ? Number(match[2]) : stage === "candidate" ? "latest" : stage;
  return { name: match[1]!, version: version as Reference["version"] };
}

/** @throws PipelineError CONFIG_INVALID on a name that can't be a folder everywhere */
export function checkName(name: string): string {
  const ref = parseReference(name);
  if (!ref || ref.version !== undefined)
    throw new PipelineError("CONFIG_INVALID", name, {
      detail: "this is no name of a model",
      hint: "letters, digits, dot, dash, underscore; at most 64",
    });
  return ref.name;
}
