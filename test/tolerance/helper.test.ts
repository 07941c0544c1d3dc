import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  breaker,
  CircuitOpenError,
  checkpointInterval,
  checkpoints,
  NoMajorityError,
  NotAcceptedError,
  recoveryBlock,
  retry,
  TimeoutError,
  vote,
} from "../../pipelines/tolerance/index.ts";

const root = mkdtempSync(join(tmpdir(), "faultwright-tolerance-"));
afterAll(() => rmSync(root, { recursive: true }));
let dirs = 0;
const directory = () => join(root, String(dirs++));
const pause = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));

describe("checkpoints", () => {
  it("give back what was saved last, whatever it was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.uint8Array({ maxLength: 50 }), async (json, bytes) => {
        const [dir, normal] = [directory(), JSON.parse(JSON.stringify(json))];
        const a = await checkpoints<unknown>({ dir });
        expect(await a.restore()).toBeUndefined();
        await a.save(bytes);
        await a.save(json);
        expect(await (await checkpoints({ dir })).restore()).toEqual({ state: normal, number: 2 });
        await a.save(bytes);
        expect((await a.restore())?.state).toEqual(bytes);
      }),
      { numRuns: 20 },
    );
  });

  it.each<[string, (path: string) => void]>([
    ["cut short", (path) => truncateSync(path, readFileSync(path).length - 1)],
    ["empty", (path) => truncateSync(path, 0)],
    [
      "changed in one bit",
      (path) => {
        const bytes = readFileSync(path);
        bytes[bytes.length - 2]! ^= 1;
        writeFileSync(path, bytes);
      },
    ],
    [
      "of another version",
      (path) => writeFileSync(path, readFileSync(path, "utf8").replace('"version":1', '"version":9')),
    ],
    ["no checkpoint at all", (path) => writeFileSync(path, Buffer.alloc(5000, 7))],
  ])("pass over a newest one that is %s", async (_, damage) => {
    const dir = directory();
    const saved = await checkpoints<{ n: number }>({ dir });
    await saved.save({ n: 1 });
    await saved.save({ n: 2 });
    damage(join(dir, "checkpoint-000000000002.ckpt"));
    const damaged: string[] = [];
    const again = await checkpoints<{ n: number }>({ dir, onDamaged: (path) => damaged.push(path) });
    expect(await again.restore()).toEqual({ state: { n: 1 }, number: 1 });
    expect(damaged).toHaveLength(1);
    expect(await again.save({ n: 3 })).toBe(3); // never under a number that was there
  });

  it("keep the newest, leave those of others alone, and write in the order of the calls", async () => {
    const dir = directory();
    const saved = await checkpoints<number>({ dir, name: "a", keep: 2 });
    await (await checkpoints<number>({ dir, name: "a-b" })).save(7);
    await Promise.all([1, 2, 3, 4, 5].map((n) => saved.save(n)));
    expect(readdirSync(dir).sort()).toEqual(["a-000000000004.ckpt", "a-000000000005.ckpt", "a-b-000000000001.ckpt"]);
    expect((await saved.restore())?.state).toBe(5);
  });

  it("refuse what is no state or no name, and go on", async () => {
    const dir = directory();
    await expect(checkpoints({ dir, name: "../x" })).rejects.toThrow(RangeError);
    await expect(checkpoints({ dir, keep: 1 })).rejects.toThrow(RangeError);
    const saved = await checkpoints<unknown>({ dir });
    await expect(saved.save(undefined)).rejects.toThrow(RangeError);
    expect(await saved.save(1)).toBe(1);
  });
});

it.each([
  // Young's sqrt(2 c m) - c and Daly's terms, by hand
  [{ cost: 30, mtbf: 86_400 }, Math.sqrt(2 * 30 * 86_400) * (1 + Math.sqrt(30 / 172_800) / 3 + 30 / 172_800 / 9) - 30],
  [{ cost: 1, mtbf: 0.5 }, 0.5],
])("the interval for %o is %d", (about, expected) => expect(checkpointInterval(about)).toBeCloseTo(expected, 9));

it("the interval loses no more time than ones a tenth shorter or longer (Daly's model of the whole time)", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 0.5, noNaN: true }), (cost) => {
      const whole = (t: number) => (Math.exp(t + cost - 0) - 1) / t; // mtbf 1, restart free, per unit of work
      const best = checkpointInterval({ cost, mtbf: 1 });
      expect(whole(best)).toBeLessThanOrEqual(whole(best * 0.9));
      expect(whole(best)).toBeLessThanOrEqual(whole(best * 1.1));
    }),
  );
});

describe("retry", () => {
  it("stops at a success, at its number of tries, and at what is not worth another", async () => {
    let tries = 0;
    const failing = (until: number) => async () => {
      tries += 1;
      if (tries < until) throw new Error(`try ${tries}`);
      return tries;
    };
    expect(await retry(failing(3), { firstWaitMs: 1 })).toBe(3);
    tries = 0;
    await expect(retry(failing(9), { firstWaitMs: 1, tries: 4 })).rejects.toThrow("try 4");
    tries = 0;
    await expect(retry(failing(9), { tries: 1 })).rejects.toThrow("try 1");
    tries = 0;
    await expect(retry(failing(9), { when: () => false })).rejects.toThrow("try 1");
  });

  it("limits each try in time, and tells it", async () => {
    let told = 0;
    const hangs = (signal: AbortSignal) => {
      signal.addEventListener("abort", () => {
        told += 1;
      });
      return pause(5000);
    };
    await expect(retry(hangs, { tries: 2, timeoutMs: 20, firstWaitMs: 1 })).rejects.toThrow(TimeoutError);
    expect(told).toBe(2);
  });

  it("ends with its signal", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const begun = performance.now();
    const never = async () => {
      throw new Error("no");
    };
    await expect(retry(never, { tries: 1000, firstWaitMs: 5000, signal: stop.signal })).rejects.toThrow();
    expect(performance.now() - begun).toBeLessThan(3000);
  });
});

it("a circuit opens, refuses without calling, and closes by a success", async () => {
  const circuit = breaker({ after: 2, halfOpenMs: 30 });
  const no = () => circuit.execute(() => Promise.reject(new Error("down")));
  await expect(no()).rejects.toThrow("down");
  await expect(no()).rejects.toThrow("down");
  await expect(no()).rejects.toThrow(CircuitOpenError);
  expect(circuit.isOpen()).toBe(true);
  await pause(50);
  expect(await circuit.execute(async () => 7)).toBe(7);
  expect(circuit.isOpen()).toBe(false);
});

describe("a vote", () => {
  const gives = (v: unknown) => async () => v;
  const fails = async () => {
    throw new Error("down");
  };
  it.each<[string, (() => Promise<unknown>)[], unknown, number[]]>([
    ["all agree", [gives({ a: 1 }), gives({ a: 1 }), gives({ a: 1 })], { a: 1 }, [0, 1]],
    ["one is wrong", [gives(2), gives(1), gives(1)], 1, [1, 2]],
    ["one fails", [fails, gives(1), gives(1)], 1, [1, 2]],
    ["one hangs", [() => pause(60_000), gives(1), gives(1)], 1, [1, 2]],
    ["there is one", [gives(1)], 1, [0]],
  ])("holds where %s", async (_, versions, value, agreed) => {
    expect(await vote(versions)).toMatchObject({ value, agreed });
  });

  it.each<[string, (() => Promise<unknown>)[]]>([
    ["all differ", [gives(1), gives(2), gives(3)]],
    ["two of three fail", [fails, fails, gives(1)]],
    ["two hang", [() => pause(60_000), () => pause(60_000), gives(1)]],
    ["two stand against two", [gives(1), gives(1), gives(2), gives(2)]],
  ])("gives nothing where %s, and says what each gave", async (_, versions) => {
    const error = await vote(versions, { timeoutMs: 50 }).catch((e) => e);
    expect(error).toBeInstanceOf(NoMajorityError);
    expect(error.outcomes).toHaveLength(versions.length);
  });

  it("never gives a value that a minority of wrong versions made up, whatever they say and when", async () => {
    const version = fc.record({ wrong: fc.constantFrom("a", "b", "throw"), waitMs: fc.integer({ min: 0, max: 4 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(version, { minLength: 0, maxLength: 3 }), async (bad) => {
        const good = Array.from({ length: bad.length + 1 }, () => async () => {
          await pause(Math.random() * 4);
          return "right";
        });
        const wrong = bad.map(({ wrong, waitMs }) => async () => {
          await pause(waitMs);
          if (wrong === "throw") throw new Error("wrong");
          return wrong;
        });
        expect((await vote([...wrong, ...good])).value).toBe("right");
      }),
      { numRuns: 25 },
    );
  });

  it("takes a tolerance, tells the rest to stop, and refuses a quorum out of range", async () => {
    let stopped = false;
    const slow = (signal: AbortSignal) =>
      new Promise<number>((_, reject) => {
        signal.addEventListener("abort", () => {
          stopped = true;
          reject(new Error("stopped"));
        });
      });
    const near = (a: number, b: number) => Math.abs(a - b) < 1e-9;
    expect((await vote([async () => 0.1 + 0.2, async () => 0.3, slow], { agree: near })).agreed).toEqual([0, 1]);
    expect(stopped).toBe(true);
    expect(() => vote([async () => 1], { quorum: 2 })).toThrow(RangeError);
    expect(() => vote([])).toThrow(RangeError);
  });
});

describe("a recovery block", () => {
  it("restores the state before each further alternate, and after the last one failed", async () => {
    let [state, restored] = [0, 0];
    const restore = () => {
      restored += 1;
      state = 0;
    };
    const adds = (n: number) => async () => {
      expect(state).toBe(0);
      state += n;
      if (n === 2) throw new Error("broke");
      return state;
    };
    const accept = (v: number) => v === 3;
    expect(await recoveryBlock({ alternates: [adds(1), adds(2), adds(3)], accept, restore })).toEqual({
      value: 3,
      index: 2,
    });
    expect(restored).toBe(2);
    state = 0;
    const error = await recoveryBlock({ alternates: [adds(1), adds(2)], accept, restore }).catch((e) => e);
    expect(error).toBeInstanceOf(NotAcceptedError);
    expect(error.errors.map((e: Error) => e.message)).toEqual(["alternate 0: its result was not accepted", "broke"]);
    expect(state).toBe(0);
  });
  it("runs nothing from a state that could not be restored", async () => {
    let ran = false;
    const restore = () => {
      throw new Error("no state");
    };
    const second = async () => {
      ran = true;
    };
    await expect(recoveryBlock({ alternates: [async () => {}, second], accept: () => false, restore })).rejects.toThrow(
      "no state",
    );
    expect(ran).toBe(false);
  });
});
