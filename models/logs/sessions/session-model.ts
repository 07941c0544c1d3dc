/** Models over sessions (sequences of event ids), by their configuration name. */

/** Event ids in time order. */
export type Session = readonly string[];

export interface SessionState {
  readonly kind: string;
  readonly version: 1;
  /** Plain JSON. */
  readonly values: unknown;
}

export interface SessionModel {
  readonly name: string;
  /** Above it a session is an anomaly. In the unit of the score. */
  readonly threshold: number;
  /** Strangeness of a session, >= 0, higher is stranger. Pure. */
  score(session: Session): number;
  save(): SessionState;
}

export interface FitOptions {
  /** Share of normal sessions that may be flagged, (0, 0.5). */
  falseAlarms?: number;
  seed?: number;
}

export interface SessionModelKind<O = object, M extends SessionModel = SessionModel> {
  /**
   * Learns from at least 20 sessions. `labels` (1 anomalous, 0 normal), one a session, are for kinds that need them; the
   * others take all sessions as mostly normal. Throws `RangeError`.
   */
  fit(sessions: readonly Session[], labels: readonly number[] | undefined, options?: O & FitOptions): Promise<M>;
  /** The inverse of `save`. Throws `RangeError` for what is none. */
  load(state: SessionState): Promise<M>;
}

export const LEAST_SESSIONS = 20;

export function checkSessions(name: string, sessions: readonly Session[], falseAlarms: number): void {
  if (sessions.length < LEAST_SESSIONS)
    throw new RangeError(`${name}: ${sessions.length} sessions to learn from; give ${LEAST_SESSIONS} or more`);
  if (!(falseAlarms > 0 && falseAlarms < 0.5))
    throw new RangeError(`${name}: falseAlarms is ${falseAlarms}; give a share in (0, 0.5)`);
}

export function checkState(name: string, state: SessionState): void {
  if (state?.kind !== name || state.version !== 1)
    throw new RangeError(`${name}: not a state of this model, version 1`);
}
