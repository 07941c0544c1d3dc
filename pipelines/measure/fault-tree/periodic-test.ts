/** Unavailability of a component that is tested from time to time. */

/** Periods after which the state has long settled, or the model is not meant seriously. */
const MOST_PERIODS = 1_000_000;

/** Of a component in repair that is taken back at `mu` and fails again at `lambda`: chance that it works after `t`. */
function repaired(lambda: number, mu: number, t: number): number {
  if (mu === 0 || t === 0) return 0;
  const difference = mu - lambda;
  // Both exponentials fall together as the rates meet: the limit is mu t e^(-mu t).
  if (Math.abs(difference) * t < 1e-9) return mu * t * Math.exp(-mu * t);
  return (mu / difference) * (Math.exp(-lambda * t) - Math.exp(-mu * t));
}

interface State {
  works: number;
  failed: number;
  inRepair: number;
}

/** Time without a test. A repair ends badly with chance `omega`: then the component is failed. */
function run(s: State, t: number, lambda: number, mu: number, omega: number): State {
  const works = s.works * Math.exp(-lambda * t) + s.inRepair * (1 - omega) * repaired(lambda, mu, t);
  const inRepair = s.inRepair * Math.exp(-mu * t);
  return { works, inRepair, failed: Math.max(0, 1 - works - inRepair) };
}

/**
 * Chance that the component is not available at the mission time. Arguments, in order:
 * 4: failure rate, time between tests, time of the first test, mission time (test and repair take no time);
 * 5: failure rate, repair rate, time between tests, time of the first test, mission time (the test takes no time);
 * 11: failure rate, failure rate in test, repair rate, time between tests, time of the first test, chance that a test
 * breaks it, length of the test, 1 where it is available in test, chance that the test finds a failure, chance of a bad
 * restart after test or repair, mission time.
 * A test breaks a working component as it begins and finds, with its coverage, what is failed as it ends; what it finds
 * goes into repair. A component in repair is not tested.
 * @see Open-PSA Model Exchange Format 2.0d, "Periodic test"
 */
export function periodicTest(args: readonly number[]): number | string {
  if (![4, 5, 11].includes(args.length)) return "periodic-test takes 4, 5 or 11 arguments";
  if (args.some((a) => !(a >= 0))) return "the arguments of periodic-test must be >= 0";
  const [lambda = 0] = args;
  if (args.length === 4) {
    const [, tau = 0, theta = 0, time = 0] = args;
    if (tau === 0) return "the time between tests must be > 0";
    return -Math.expm1(-lambda * (time <= theta ? time : (time - theta) % tau));
  }
  const [testRate, mu, tau, theta, gamma, length, available, coverage, omega, time] = (
    args.length === 5 ? [0, args[1], args[2], args[3], 0, 0, 1, 1, 0, args[4]] : args.slice(1)
  ) as [number, number, number, number, number, number, number, number, number, number];
  if (tau === 0) return "the time between tests must be > 0";
  if (length > tau) return "a test must not last longer than the time between tests";
  if (Math.max(gamma, coverage, omega, available) > 1) return "the chances of periodic-test must be in [0, 1]";
  if (time <= theta) return -Math.expm1(-lambda * time);
  let s = run({ works: 1, failed: 0, inRepair: 0 }, theta, lambda, mu, omega);
  const periods = Math.floor((time - theta) / tau);
  let last = Number.NaN;
  for (let n = 0; ; n++) {
    const left = time - theta - n * tau;
    s = { works: s.works * (1 - gamma), failed: s.failed + s.works * gamma, inRepair: s.inRepair };
    if (left < length) {
      s = run(s, left, testRate, mu, omega);
      return available === 0 ? 1 : 1 - s.works * available;
    }
    s = run(s, length, testRate, mu, omega);
    const found = s.failed * coverage;
    const badly = s.works * omega;
    s = { works: s.works - badly, failed: s.failed - found + badly, inRepair: s.inRepair + found };
    if (n === periods) return 1 - run(s, left - length, lambda, mu, omega).works;
    const before = s;
    s = run(s, tau - length, lambda, mu, omega);
    if (n < periods - 1 && (n > MOST_PERIODS || (n > 0 && Math.abs(before.works - last) < 1e-16))) n = periods - 1; // settled
    last = before.works;
  }
}
