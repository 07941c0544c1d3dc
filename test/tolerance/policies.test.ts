import { describe, expect, it } from "vitest";
import { PipelineError } from "../../pipelines/core/errors.ts";
import { backoff } from "../../pipelines/tolerance/backoff.ts";
import { calls, POLICIES, type PolicyName, type PolicySettings } from "../../pipelines/tolerance/policies.ts";

const quick = (more: Partial<PolicySettings>) => {
  const settings = {
    use: "",
    timeoutMs: 1000,
    retries: 0,
    breakAfter: 0,
    halfOpenMs: 50,
    atOnce: 8,
    waiting: 0,
    ...more,
  };
  const all = Object.fromEntries(Object.keys(POLICIES).map((k) => [k, settings])) as Record<PolicyName, PolicySettings>;
  const { call, circuits } = calls(all);
  return {
    circuits: () => circuits().map(({ policy, destination, state }) => `${policy} ${destination} ${state}`),
    call: <T>(work: (signal: AbortSignal) => Promise<T>, destination = "there", signal?: AbortSignal) =>
      call({ policy: "page", destination, code: "SINK_FAILED", signal }, work),
  };
};
const fails = (retriable: boolean) => async () => {
  throw new PipelineError("SINK_FAILED", "there", { detail: "no", retriable });
};
const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));

describe("a call under a policy", () => {
  it("is tried again while that may help, and no more often than the policy says", async () => {
    const { call } = quick({ retries: 2 });
    let tries = 0;
    const counted = (retriable: boolean) => () => {
      tries += 1;
      return fails(retriable)();
    };
    await expect(call(counted(true))).rejects.toThrow("no");
    expect(tries).toBe(3);
    tries = 0;
    await expect(call(counted(false))).rejects.toThrow("no");
    expect(tries).toBe(1);
  });

  it("ends after its time, even when the callee looks at no signal, and says so as an error that may be retried", async () => {
    const { call } = quick({ timeoutMs: 30 });
    const begun = performance.now();
    const error = await call(() => pause(5000)).catch((e: Error) => e as PipelineError);
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(error).toMatchObject({ code: "SINK_FAILED", retriable: true, where: "there" });
    expect((error as PipelineError).message).toContain("no answer within 30 ms");
  });

  it("tells the callee that its time is over", async () => {
    const { call } = quick({ timeoutMs: 20 });
    const told = new Promise<void>((resolve) => {
      void call((signal) => new Promise(() => signal.addEventListener("abort", () => resolve()))).catch(() => {});
    });
    await told;
  });

  it("is not made while the circuit of its destination is open, and one looks whether it is well again", async () => {
    const { call, circuits } = quick({ breakAfter: 3 });
    for (let i = 0; i < 3; i++) await expect(call(fails(true))).rejects.toThrow("no");
    let made = 0;
    const works = async () => {
      made += 1;
    };
    await expect(call(works)).rejects.toThrow("failed too often in a row");
    expect([made, circuits()]).toEqual([0, ["page there open"]]);
    await call(works, "elsewhere");
    await pause(80);
    await call(works);
    expect([made, circuits()]).toEqual([2, ["page elsewhere closed", "page there closed"]]);
  });

  it("opens no circuit by refusals: the other side is well", async () => {
    const { call, circuits } = quick({ breakAfter: 2 });
    for (let i = 0; i < 5; i++) await expect(call(fails(false))).rejects.toThrow("no");
    expect(circuits()).toEqual(["page there closed"]);
  });

  it("is refused where too many wait for the same destination, and others are not held up", async () => {
    const { call } = quick({ atOnce: 2, waiting: 1 });
    let end = () => {};
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    const under = [call(() => held), call(() => held), call(() => held)];
    await expect(call(() => held)).rejects.toMatchObject({ retriable: true, message: /too many calls wait/ });
    await call(async () => {}, "elsewhere");
    end();
    await Promise.all(under);
  });

  it("ends when its caller does not want it any more, waits between tries included", async () => {
    const { call } = quick({ retries: 100 });
    const stop = new AbortController();
    const running = call(fails(true), "there", stop.signal);
    setTimeout(() => stop.abort(), 30);
    const begun = performance.now();
    await expect(running).rejects.toThrow();
    expect(performance.now() - begun).toBeLessThan(3000);
  });
});

it("waits between tries stay within their bounds, differ, and begin anew after a success", () => {
  const waits = backoff({ firstMs: 100, longestMs: 1000 });
  const seen = Array.from({ length: 200 }, () => waits.next());
  expect(Math.max(...seen)).toBeLessThanOrEqual(1000);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(0);
  const first = Array.from({ length: 50 }, () => [1, 2, 3].map(backoff({ firstMs: 100, longestMs: 1000 }).next).join());
  expect(new Set(first).size).toBeGreaterThan(20);
  waits.reset();
  expect(waits.next()).toBeLessThanOrEqual(400);
});

it("every policy limits time and calls at once; effects and writes are never repeated by themselves", () => {
  for (const p of Object.values(POLICIES) as PolicySettings[]) {
    expect(p.timeoutMs).toBeGreaterThan(0);
    expect(p.atOnce).toBeGreaterThan(0);
    expect(p.breakAfter === 0 || p.halfOpenMs > 0).toBe(true);
  }
  for (const name of ["act", "commit", "produce", "ask"] as const) expect(POLICIES[name].retries).toBe(0);
});
