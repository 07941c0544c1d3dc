import { describe, expect, it } from "vitest";
import { streamTemplates } from "../../pipelines/detect/log-templates.ts";
import { templateRates } from "../../pipelines/detect/template-rates.ts";

const NAMES = ["ann", "bob", "carl", "dora", "eve", "finn", "gus", "hana", "ivo", "jo", "kim", "lea", "mo", "nina"];
/** Lines of a dozen statements with names, numbers and paths; the same for the same seed. */
function lines(n: number, seed = 1): string[] {
  let state = seed;
  const next = (of: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % of;
  };
  const name = () => `${NAMES[next(NAMES.length)]}${["", "ette", "son", "man"][next(4)]}`;
  const kinds = [
    () => `user ${name()} logged in from 10.0.${next(255)}.${next(255)}`,
    () => `took ${next(900)} ms to serve /a/${next(99)}/${name()}`,
    () => `cache ${name()} evicted`,
    () => "VM Started",
    () => "VM Paused",
    () => `order ${next(1e6)} for ${name()} failed: timeout after ${next(30)} s`,
    () => `queue depth=${next(500)} worker=${name()}`,
    () => `odd ${name()} ${name()} ${name()} ${next(7)}`,
  ];
  return Array.from({ length: n }, () => (kinds[next(kinds.length)] as () => string)());
}

const options = { baseEvery: 200, mostTemplates: 60 };

describe("templates of a stream", () => {
  it("go on after a restart at any line as if there had been none", () => {
    const all = lines(6000);
    const steady = streamTemplates(options);
    const expected = all.map((line) => steady.idOf(line));
    const chunks = new Map<string, Uint8Array>();
    let one = streamTemplates(options);
    const got: number[] = [];
    for (const [i, line] of all.entries()) {
      got.push(one.idOf(line));
      if (i % 37 === 0 || i % 501 === 0)
        one.snapshot((key, value) => void (value ? chunks.set(key, value) : chunks.delete(key)));
      if (i % 501 !== 0) continue;
      one = streamTemplates(options);
      one.restore(new Map(chunks));
    }
    expect(got).toEqual(expected);
    for (const id of new Set(expected)) {
      expect(one.now(id)).toBe(steady.now(id));
      expect(one.textOf(id)).toBe(steady.textOf(id));
    }
  });

  it("gives the whole state when it is asked for", () => {
    const [all, more] = [lines(900), lines(900, 2)];
    const one = streamTemplates(options);
    for (const line of all) one.idOf(line);
    one.snapshot(() => {});
    const chunks = new Map<string, Uint8Array>();
    one.snapshot((key, value) => void (value && chunks.set(key, value)), true);
    const other = streamTemplates(options);
    other.restore(chunks);
    expect(more.map((line) => other.idOf(line))).toEqual(more.map((line) => one.idOf(line)));
  });

  it("keeps statements apart and names together, under the oldest id", () => {
    const templates = streamTemplates();
    const ids = new Map<string, number>();
    for (const line of lines(20_000)) ids.set(line, templates.idOf(line));
    const now = (line: string) => templates.now(ids.get(line) as number);
    expect(now("VM Started")).not.toBe(now("VM Paused"));
    const evicted = [...ids.keys()].filter((l) => l.startsWith("cache "));
    expect(evicted.length).toBeGreaterThan(30);
    expect(new Set(evicted.map(now)).size).toBe(1);
    expect(templates.textOf(now(evicted[0] as string))).toBe("cache <*> evicted");
  });

  it("keeps its state small on lines that have nothing in common", () => {
    const templates = streamTemplates({ mostTemplates: 200, baseEvery: 1000 });
    const chunks = new Map<string, Uint8Array>();
    for (let i = 0; i < 6000; i++) {
      templates.idOf(
        `${[i, i * 7, i * 13].map((n) => n.toString(36).replaceAll(/\d/g, "x")).join(" ")} ${"z".repeat(900)}`,
      );
      if (i % 500 === 0) templates.snapshot((key, value) => void (value ? chunks.set(key, value) : chunks.delete(key)));
    }
    const size = [...chunks.values()].reduce((sum, v) => sum + v.length, 0);
    expect(size).toBeLessThan(3_000_000);
  });

  it.each([
    ["an empty body", "", ""],
    ["several lines", "\n\nfailed in worker 7\n  at x (a.js:1)", "failed in worker <*>"],
  ])("takes %s", (_, body, text) => {
    const templates = streamTemplates();
    for (let i = 0; i < 3; i++) templates.idOf(body);
    expect(templates.textOf(templates.idOf(body))).toBe(text);
  });
});

describe("rates of templates", () => {
  const same = (id: number) => id;
  const warm = () => {
    const rates = templateRates();
    for (let i = 0; i < 100; i++)
      rates.judge(
        1,
        new Map([
          [1, 50 + (i % 5)],
          [2, 20 + (i % 3)],
        ]),
        same,
      );
    return rates;
  };
  it.each([
    {
      what: "the usual",
      counts: [
        [1, 52],
        [2, 21],
      ],
      odd: undefined,
    },
    {
      what: "many more of one",
      counts: [
        [1, 52],
        [2, 90],
      ],
      odd: 2,
    },
    { what: "silence of a regular one", counts: [[2, 21]], odd: 1 },
  ] as const)("judge $what", ({ counts, odd }) => {
    const opinion = warm().judge(1, new Map(counts), same);
    if (odd === undefined) expect(opinion?.p).toBeGreaterThan(0.01);
    else {
      expect(opinion?.p).toBeLessThan(1e-4);
      expect(opinion?.template).toBe(odd);
    }
  });

  it("take two templates that become one for one, and come back from saved state", () => {
    const rates = warm();
    const chunks = new Map<string, Uint8Array>();
    rates.snapshot((key, value) => void (value && chunks.set(key, value)));
    const restored = templateRates();
    restored.restore(chunks);
    const counts = new Map([[1, 73]]);
    const opinion = rates.judge(1, counts, () => 1);
    expect(opinion?.p).toBeGreaterThan(0.01);
    expect(restored.judge(1, counts, () => 1)).toEqual(opinion);
    expect(restored.judge(2, counts, same)).toBeUndefined();
  });
});
