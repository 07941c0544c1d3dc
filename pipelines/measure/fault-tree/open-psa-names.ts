/** Names and scopes: what is private is known in its container, what is public everywhere. */
import { PipelineError } from "../../core/errors.ts";

export type EventKind = "gate" | "basic event" | "house event";
export type Kind = EventKind | "parameter" | "common-cause group";
type Space = "event" | "parameter" | "group";

interface Named {
  readonly kind: Kind;
  readonly id: string;
  readonly where: string;
}

const spaceOf = (kind: Kind): Space =>
  kind === "parameter" ? "parameter" : kind === "common-cause group" ? "group" : "event";

/** `gate` of `<gate>` and of `type="gate"`; undefined for anything else. */
export const eventKind = (name: string | undefined): EventKind | undefined =>
  name === "gate"
    ? "gate"
    : name === "basic-event"
      ? "basic event"
      : name === "house-event"
        ? "house event"
        : undefined;

export class Names {
  /** By space and full path. */
  #byPath = new Map<string, Named>();
  /** By space and plain name, public ones. */
  #public = new Map<string, Named>();
  #containers = new Map<string, string>();

  /** Gives the full path of a fault tree or component. */
  container(name: string, scope: string, where: string): string {
    const path = scope === "" ? name : `${scope}.${name}`;
    const other = this.#containers.get(path);
    if (other !== undefined) throw twice(`${path}`, where, other);
    this.#containers.set(path, where);
    return path;
  }

  /** Gives the id: the plain name of what is public, else its full path. */
  define(kind: Kind, name: string, scope: string, isPrivate: boolean, where: string): string {
    const space = spaceOf(kind);
    const path = scope === "" ? name : `${scope}.${name}`;
    const id = isPrivate ? path : name;
    const named: Named = { kind, id, where };
    const other =
      this.#byPath.get(`${space}:${path}`) ?? (isPrivate ? undefined : this.#public.get(`${space}:${name}`));
    if (other) throw twice(`${other.kind} ${other.id}`, where, other.where);
    this.#byPath.set(`${space}:${path}`, named);
    if (!isPrivate) this.#public.set(`${space}:${name}`, named);
    return id;
  }

  /** From the innermost container outwards, then among what is public. */
  find(space: Space, reference: string, scope: string): Named | undefined {
    for (let s = scope; s !== ""; s = s.includes(".") ? s.slice(0, s.lastIndexOf(".")) : "") {
      const found = this.#byPath.get(`${space}:${s}.${reference}`);
      if (found) return found;
    }
    return this.#byPath.get(`${space}:${reference}`) ?? this.#public.get(`${space}:${reference}`);
  }

  /** @throws PipelineError MODEL_INVALID where nothing of that name is defined */
  resolve(space: Space, reference: string, scope: string, where: string): Named {
    const found = this.find(space, reference, scope);
    if (found) return found;
    throw new PipelineError("MODEL_INVALID", where, {
      detail: `${space} ${reference} is used but nowhere defined`,
      hint: "name all files of the model",
    });
  }
}

const twice = (what: string, where: string, other: string) =>
  new PipelineError("MODEL_INVALID", where, { detail: `${what} is defined twice`, hint: `first at ${other}` });
