/** A fault tree model as it was written: names resolved, nothing calculated yet. */

/** A formula over events; `ref` is the id of a gate, basic event or house event. */
export type Formula =
  | { readonly kind: "ref"; readonly ref: string }
  | { readonly kind: "constant"; readonly value: boolean }
  | {
      readonly kind: "and" | "or" | "not" | "xor" | "iff" | "nand" | "nor" | "imply";
      readonly args: readonly Formula[];
    }
  | { readonly kind: "atleast"; readonly min: number; readonly args: readonly Formula[] }
  | { readonly kind: "cardinality"; readonly min: number; readonly max: number; readonly args: readonly Formula[] };

/** An expression of the stochastic layer. Boolean results are 1 and 0. */
export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "parameter"; readonly ref: string; readonly where: string }
  | { readonly kind: "mission-time" }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[]; readonly where: string };

export interface Gate {
  readonly id: string;
  readonly label: string;
  readonly where: string;
  readonly formula: Formula;
}

export interface BasicEvent {
  readonly id: string;
  readonly label: string;
  readonly where: string;
  /** Undefined: no probability is known. */
  readonly expression: Expression | undefined;
  /** `service|mode` of the incidents that are this event, from its attribute of that name. */
  readonly signature?: string;
}

export interface HouseEvent {
  readonly id: string;
  readonly value: boolean;
}

export interface Parameter {
  readonly id: string;
  readonly where: string;
  readonly expression: Expression;
}

export type CcfModel = "beta-factor" | "MGL" | "alpha-factor" | "phi-factor";

export interface CcfGroup {
  readonly id: string;
  readonly where: string;
  readonly model: CcfModel;
  /** Ids of basic events. */
  readonly members: readonly string[];
  readonly distribution: Expression;
  /** By level, the number of members that fail together. */
  readonly factors: ReadonlyMap<number, Expression>;
}

/** Ids are names, or `tree.component.name` for what is private. In order of definition. */
export interface FaultTreeModel {
  readonly gates: ReadonlyMap<string, Gate>;
  readonly basicEvents: ReadonlyMap<string, BasicEvent>;
  readonly houseEvents: ReadonlyMap<string, HouseEvent>;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly ccfGroups: readonly CcfGroup[];
  /** What the model holds that is not analysed. */
  readonly warnings: readonly string[];
}
