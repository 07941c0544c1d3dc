import { startBackend } from "../../neural/backend.ts";
import { randomOf, shuffle } from "../../neural/random.ts";
import {
  freshSequenceNetwork,
  predictNext,
  type SequenceNetwork,
  trainSequence,
  type Windows,
} from "../../neural/sequence-network.ts";
import { Vocabulary } from "./count-vectors.ts";
import { quantileThreshold } from "./quantile-threshold.ts";
import { checkSessions, checkState, type Session, type SessionModel, type SessionModelKind } from "./session-model.ts";

export interface NextEventOptions {
  /** Events that the next one is predicted from. */
  steps?: number;
  units?: number;
  epochs?: number;
  patience?: number;
}

const name = "next-event";
const START = 0;
const END = 1;
/** Symbols that are no events. */
const MARKS = 2;
const HELD_OUT = 0.2;
/** Sessions beyond are not learned from; a session is read so far. */
const MOST_WINDOWS = 200_000;
const MOST_EVENTS = 2000;
/** Surprise of an event that was never seen, nats: a probability of a millionth. */
const UNKNOWN = Math.log(1e6);
const MEMO = 50_000;

/**
 * The most surprising event of a session, its end included: -ln p under an LSTM that predicts the next event from the ten
 * before. Learns on 80 % of the sessions and stops by the others, which set the threshold. Training windows that repeat
 * are one with a weight. Scoring is plain arithmetic (20,000 windows a second), remembered for windows seen before.
 * @see Du et al. 2017, CCS (DeepLog, which takes the rank of the event instead of its probability)
 */
export const nextEvent: SessionModelKind<NextEventOptions> = {
  async fit(
    sessions,
    _labels,
    { falseAlarms = 0.003, seed = 1, steps = 10, units = 32, epochs = 60, patience = 6 } = {},
  ) {
    checkSessions(name, sessions, falseAlarms);
    const vocabulary = new Vocabulary().learn(sessions);
    const order = Uint32Array.from(sessions, (_, i) => i);
    shuffle(order, randomOf(seed));
    const cut = Math.max(1, Math.floor(order.length * HELD_OUT));
    const of = (ids: Uint32Array) => [...ids].map((i) => sessions[i] as Session);
    const [held, learned] = [of(order.subarray(0, cut)), of(order.subarray(cut))];
    await startBackend();
    const fresh = freshSequenceNetwork(vocabulary.events.length + MARKS, units, seed);
    const how = { seed, epochs, patience, batchRows: 256, learningRate: 0.005 };
    const { network } = await trainSequence(
      fresh,
      windowsOf(learned, vocabulary, steps),
      windowsOf(held, vocabulary, steps),
      how,
    );
    const draft = model(vocabulary, network, steps, 0);
    return model(
      vocabulary,
      network,
      steps,
      quantileThreshold(
        held.map((s) => draft.score(s)),
        falseAlarms,
      ),
    );
  },
  async load(state) {
    checkState(name, state);
    const { events, symbols, units, weights, steps, threshold } = state.values as {
      events: string[];
      symbols: number;
      units: number;
      weights: number[][];
      steps: number;
      threshold: number;
    };
    const network = { symbols, units, weights: weights.map((w) => Float32Array.from(w)) };
    return model(new Vocabulary(events), network, steps, threshold);
  },
};

/** The symbols before place `at` of a session, and the one there; -1 for an unknown event. */
function windowAt(symbols: readonly number[], at: number, steps: number): { input: Int32Array; next: number } {
  const input = new Int32Array(steps).fill(START);
  for (let k = 1; k <= Math.min(steps, at); k++) input[steps - k] = Math.max(START, symbols[at - k] as number);
  return { input, next: symbols[at] as number };
}

const symbolsOf = (session: Session, vocabulary: Vocabulary): number[] => [
  ...session.slice(0, MOST_EVENTS).map((e) => (vocabulary.of(e) < 0 ? -1 : vocabulary.of(e) + MARKS)),
  END,
];

function windowsOf(sessions: readonly Session[], vocabulary: Vocabulary, steps: number): Windows {
  const seen = new Map<string, { input: Int32Array; next: number; count: number }>();
  for (const session of sessions) {
    const symbols = symbolsOf(session, vocabulary);
    for (let at = 0; at < symbols.length && seen.size < MOST_WINDOWS; at++) {
      const { input, next } = windowAt(symbols, at, steps);
      const key = `${input.join(" ")} ${next}`;
      const known = seen.get(key);
      if (known) known.count++;
      else seen.set(key, { input, next, count: 1 });
    }
  }
  const list = [...seen.values()];
  const inputs = new Int32Array(list.length * steps);
  for (const [i, w] of list.entries()) inputs.set(w.input, i * steps);
  return {
    steps,
    inputs,
    next: Int32Array.from(list, (w) => w.next),
    weights: Float32Array.from(list, (w) => w.count),
  };
}

function model(vocabulary: Vocabulary, network: SequenceNetwork, steps: number, threshold: number): SessionModel {
  const memo = new Map<string, Float64Array>();
  const after = (input: Int32Array) => {
    const key = input.join(" ");
    const known = memo.get(key) ?? predictNext(network, input);
    if (memo.size >= MEMO) memo.clear();
    memo.set(key, known);
    return known;
  };
  return {
    name,
    threshold,
    score(session) {
      const symbols = symbolsOf(session, vocabulary);
      let most = 0;
      for (let at = 0; at < symbols.length; at++) {
        const { input, next } = windowAt(symbols, at, steps);
        most = Math.max(most, next < 0 ? UNKNOWN : -after(input)[next]!);
      }
      return most;
    },
    save: () => ({
      kind: name,
      version: 1,
      values: {
        events: vocabulary.events,
        symbols: network.symbols,
        units: network.units,
        weights: network.weights.map((w) => [...w]),
        steps,
        threshold,
      },
    }),
  };
}
