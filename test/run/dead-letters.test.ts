import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock } from "../../pipelines/core/clock.ts";
import type { DeadLetter } from "../../pipelines/core/records.ts";
import type { Store } from "../../pipelines/core/store.ts";
import {
  type Door,
  type LetterFilter,
  listLetters,
  type ReplayRequest,
  replayLetters,
} from "../../pipelines/run/dead-letters.ts";
import { verifyAudit } from "../../pipelines/runtime/store/audit.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

const T = 1_760_000_000_000;
const N = 5000;
const letter = (i: number, parts: Partial<DeadLetter> = {}): DeadLetter => ({
  source: `orders/${i % 3}`,
  position: String(i),
  part: null,
  share: null,
  ingestTimeMs: T + i,
  format: "jsonl",
  reasons: [{ code: i % 1000 === 0 ? "DECODE_BAD_JSON" : "TIME_TOO_LATE", explanation: "e", detail: "d", rows: 1 }],
  rows: 1,
  taken: 0,
  sizeBytes: 4,
  complete: true,
  payload: Buffer.from(`p${i}`).toString("base64"),
  ...parts,
});
const put = (store: Store, letters: readonly DeadLetter[]) =>
  store.commit({
    positions: new Map(),
    state: new Map(),
    outputs: letters.map((l) => ({
      topic: "dead-letters",
      key: `${l.source}@${l.position}`,
      value: JSON.stringify(l),
    })),
  });

/** A door that keeps what comes, and breaks down after so many. */
function doorOf({ after = Number.POSITIVE_INFINITY, refuse = "" } = {}) {
  const came: string[] = [];
  const door: Door = {
    busy: () => false,
    refuses: (l) => (l.position === refuse ? "no way back" : undefined),
    async send(letters, done) {
      for (const l of letters) {
        if (came.length >= after) throw new Error("the disk is full");
        came.push(Buffer.from(l.payload, "base64").toString());
        done(l);
      }
    },
  };
  return { came, door };
}

describe("dead letters", () => {
  let store: Store;
  const clock = manualClock(T + 1e9);
  beforeEach(async () => {
    store = await openStore("memory");
  });
  afterEach(() => store.close());

  const listAll = async (filter: LetterFilter, limit = 64) => {
    const out: string[] = [];
    for (let before: number | undefined; ; ) {
      const { letters, next } = await listLetters(store, filter, { before, limit });
      for (const l of letters) {
        expect(l).not.toHaveProperty("payload");
        out.push(l.position);
      }
      if (next === null) return out;
      before = next;
    }
  };
  const replayAll = async (door: Door, request: Partial<ReplayRequest> = {}) => {
    const out = { replayed: [] as string[], skipped: [] as { key: string; why: string }[], requests: 0 };
    for (let from: ReplayRequest["from"] | null; from !== null; out.requests += 1) {
      const r: Awaited<ReturnType<typeof replayLetters>> = await replayLetters(store, door, clock, {
        by: "ana",
        ...request,
        ...(from ? { from } : {}),
      });
      out.replayed.push(...r.replayed);
      out.skipped.push(...r.skipped);
      from = r.next;
    }
    return out;
  };

  it("are listed newest first, page by page, each once", async () => {
    await put(
      store,
      Array.from({ length: N }, (_, i) => letter(i)),
    );
    expect(await listAll({})).toEqual(Array.from({ length: N }, (_, i) => String(N - 1 - i)));
    expect(await listAll({ code: "DECODE_BAD_JSON" }, 2)).toEqual(["4000", "3000", "2000", "1000", "0"]);
    expect(await listAll({ source: "orders/1", sinceMs: T + N - 6 })).toEqual(["4999", "4996"]);
    expect(await listAll({ source: "none" })).toEqual([]);
  });

  it("go back oldest first, once, and again when asked", async () => {
    await put(
      store,
      Array.from({ length: 200 }, (_, i) => letter(i)),
    );
    const { came, door } = doorOf();
    const first = await replayAll(door);
    expect(came).toEqual(Array.from({ length: 200 }, (_, i) => `p${i}`));
    expect(first.requests).toBeGreaterThan(2);
    const second = await replayAll(door);
    expect(second.replayed).toEqual([]);
    expect(second.skipped).toHaveLength(200);
    expect(second.skipped[0]?.why).toContain("--again");
    expect((await replayAll(door, { keys: ["orders/0@3", "orders/0@3"], again: true })).replayed).toEqual([
      "orders/0@3",
    ]);
    expect(came).toHaveLength(201);
    const trail = await store.auditTrail();
    expect(trail).toHaveLength(201);
    expect(trail.at(-1)).toMatchObject({ planId: "dead-letter:orders/0@3", event: "replay" });
    expect(verifyAudit(trail)).toEqual({ ok: true });
    const { letters } = await listLetters(store, { source: "orders/0" });
    expect(letters[0]?.replayedMs).toBe(clock.nowMs());
  });

  it("end, though each that goes back is refused anew", async () => {
    await put(
      store,
      Array.from({ length: 100 }, (_, i) => letter(i)),
    );
    const { came, door } = doorOf();
    let fresh = 1000;
    const echo: Door = {
      ...door,
      send: async (letters, done) => {
        await door.send(letters, done);
        await put(
          store,
          letters.map(() => letter(fresh++)),
        );
      },
    };
    await replayAll(echo);
    expect(came).toHaveLength(100);
  });

  it.each([
    { what: "too large to be kept", parts: { complete: false }, why: /too many/ },
    { what: "used in part", parts: { taken: 3 }, why: /--partial/ },
    { what: "without a way back", parts: { position: "x" }, why: /no way back/ },
  ])("stay when $what, and are named", async ({ parts, why }) => {
    await put(store, [letter(0), letter(1, parts)]);
    const { came, door } = doorOf({ refuse: "x" });
    const { replayed, skipped } = await replayAll(door);
    expect(replayed).toEqual(["orders/0@0"]);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]?.why).toMatch(why);
    expect(came).toEqual(["p0"]);
    expect((await replayAll(door, { partial: true, filter: { source: "orders/1" } })).replayed).toHaveLength(
      "taken" in parts ? 1 : 0,
    );
    expect((await replayAll(door, { keys: ["nobody"] })).skipped[0]?.why).toContain("no such letter");
  });

  it("that a broken door did not let through may be tried again, the others not", async () => {
    await put(
      store,
      Array.from({ length: 10 }, (_, i) => letter(i)),
    );
    const broken = doorOf({ after: 4 });
    await expect(replayAll(broken.door)).rejects.toThrow("the disk is full");
    const { came, door } = doorOf();
    const { skipped } = await replayAll(door);
    expect([...broken.came, ...came]).toEqual(Array.from({ length: 10 }, (_, i) => `p${i}`));
    expect(skipped).toHaveLength(4);
  });

  it("of an older form, which kept no payload, are passed over", async () => {
    await put(store, [{ source: "s", position: "1", code: "X", excerpt: "" } as unknown as DeadLetter, letter(1)]);
    expect(await listAll({})).toEqual(["1"]);
  });
});
