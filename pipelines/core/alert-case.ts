/** Alerts of one incident, as monitoring gives them. Indexes and order carry no meaning. */
export interface AlertCase {
  readonly id: string;
  readonly nodes: readonly string[];
  readonly metrics: readonly { readonly node: string; readonly metric: string; readonly direction: string }[];
  readonly logs: readonly { readonly node: string; readonly template: string }[];
  /** `kind`: slow, or the error's status. A caller outside the system is "". */
  readonly calls: readonly {
    readonly caller: string;
    readonly callee: string;
    readonly operation: string;
    readonly kind: string;
  }[];
}
