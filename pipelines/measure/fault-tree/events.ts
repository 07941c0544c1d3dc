/** The events that the logic is about: basic events, and those that common-cause groups give rise to. */
import { PipelineError } from "../../core/errors.ts";
import { type CommonCause, commonCauses } from "./common-cause.ts";
import type { Dag, Ref } from "./dag.ts";
import { type Environment, evaluate, parameterOrder, parameterValues } from "./expressions.ts";
import type { CcfGroup, FaultTreeModel, Parameter } from "./model.ts";

type Source =
  | { readonly kind: "basic"; readonly id: string }
  | { readonly kind: "cause"; readonly group: CcfGroup; readonly size: number };

export class Events {
  readonly ids: string[] = [];
  readonly #model: FaultTreeModel;
  readonly #missionHours: number;
  readonly #order: readonly Parameter[];
  readonly #sources: Source[] = [];
  readonly #index = new Map<string, number>();
  readonly #groupOf = new Map<string, CcfGroup>();
  readonly #causes = new Map<CcfGroup, readonly CommonCause[]>();

  /** @throws PipelineError MODEL_INVALID for parameters in a cycle or out of range, and for members of two groups */
  constructor(model: FaultTreeModel, { missionHours }: { missionHours: number }) {
    this.#model = model;
    this.#missionHours = missionHours;
    this.#order = parameterOrder(model.parameters);
    const env = this.#environment();
    for (const group of model.ccfGroups) {
      for (const member of group.members) {
        const other = this.#groupOf.get(member);
        if (other)
          throw new PipelineError("MODEL_INVALID", group.where, {
            detail: `${member} is a member of two common-cause groups: ${other.id} and ${group.id}`,
          });
        this.#groupOf.set(member, group);
      }
      this.#causes.set(group, this.#causesOf(group, env));
    }
  }

  #environment(random?: () => number): Environment {
    const missionHours = this.#missionHours;
    return { missionHours, random, parameters: parameterValues(this.#order, { missionHours, random }) };
  }

  #causesOf(group: CcfGroup, env: Environment): CommonCause[] {
    return commonCauses(group, (level) => evaluate(group.factors.get(level)!, env));
  }

  /** The function of a basic event: itself, or an or over all causes that it fails by. */
  expand(dag: Dag, id: string): Ref {
    const group = this.#groupOf.get(id);
    if (!group) return dag.leaf(this.#eventIndex(id, { kind: "basic", id }));
    const causes = this.#causes.get(group)!.filter((c) => c.members.includes(id));
    return dag.or(
      causes.map((c) => dag.leaf(this.#eventIndex(c.id, { kind: "cause", group, size: c.members.length }))),
    );
  }

  #eventIndex(id: string, source: Source): number {
    const known = this.#index.get(id);
    if (known !== undefined) return known;
    this.#index.set(id, this.ids.length);
    this.#sources.push(source);
    return this.ids.push(id) - 1;
  }

  /**
   * Probability of each event in the order of `ids`; NaN where the model gives none. With `random` every deviate is drawn
   * anew, once a parameter, and what falls outside [0, 1] is cut off there.
   * @throws PipelineError MODEL_INVALID for a probability that is none
   */
  probabilities(random?: () => number): Float64Array {
    const env = this.#environment(random);
    const perGroup = new Map<CcfGroup, { q: number; share: Map<number, number> }>();
    return Float64Array.from(this.#sources, (source) => {
      if (source.kind === "basic") {
        const event = this.#model.basicEvents.get(source.id)!;
        if (!event.expression) return Number.NaN;
        return chance(evaluate(event.expression, env), `basic event ${event.id}`, event.where, random !== undefined);
      }
      const { group, size } = source;
      let known = perGroup.get(group);
      if (!known) {
        const q = evaluate(group.distribution, env);
        const causes = random ? this.#causesOf(group, env) : this.#causes.get(group)!;
        known = {
          q: chance(q, `common-cause group ${group.id}`, group.where, random !== undefined),
          share: new Map(causes.map((c) => [c.members.length, c.factor])),
        };
        perGroup.set(group, known);
      }
      return known.q * (known.share.get(size) ?? 0);
    });
  }
}

function chance(p: number, what: string, where: string, cut: boolean): number {
  if (p >= 0 && p <= 1) return p;
  if (cut) return Math.min(1, Math.max(0, p));
  throw new PipelineError("MODEL_INVALID", where, {
    detail: `the probability of ${what} is ${p}; it must be in [0, 1]`,
  });
}
