import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PipelineError } from "../../pipelines/core/errors.ts";
import type { Commit, OutputRecord, Store } from "../../pipelines/core/store.ts";
import { verifyAudit } from "../../pipelines/runtime/store/audit.ts";

const bytes = (size: number, seed: number) => Uint8Array.from({ length: size }, (_, i) => (i * seed + (i >> 8)) & 255);
const anomaly = (key: string, value: string): OutputRecord => ({ topic: "anomalies", key, value });
const commitOf = (parts: Partial<Commit>): Commit => ({
  positions: new Map(),
  state: new Map(),
  outputs: [],
  ...parts,
});

/** The laws every store keeps. `open` gives an empty one. */
export function checkStore(name: string, open: () => Promise<Store>): void {
  describe(`store: ${name}`, () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());

    it("begins empty", async () => {
      expect(await store.positions()).toEqual(new Map());
      expect(await store.state("none")).toEqual(new Map());
      expect(await store.records("incidents")).toEqual([]);
      expect(await store.latest("incidents")).toEqual([]);
      expect(await store.auditTrail()).toEqual([]);
    });

    it("keeps positions, and changes only those named", async () => {
      await store.commit(
        commitOf({
          positions: new Map([
            ["a", "1"],
            ["b", "2"],
          ]),
        }),
      );
      await store.commit(commitOf({ positions: new Map([["b", "3"]]) }));
      expect(await store.positions()).toEqual(
        new Map([
          ["a", "1"],
          ["b", "3"],
        ]),
      );
    });

    it("deletes thousands of chunks in one commit", async () => {
      const keys = Array.from({ length: 5000 }, (_, i) => `chunk/${i}`);
      await store.commit(commitOf({ state: new Map([["many", new Map(keys.map((k) => [k, bytes(4, 1)]))]]) }));
      expect((await store.state("many")).size).toBe(5000);
      await store.commit(commitOf({ state: new Map([["many", new Map(keys.map((k) => [k, undefined]))]]) }));
      expect((await store.state("many")).size).toBe(0);
    });

    it("keeps, replaces and deletes chunks byte for byte", async () => {
      const [one, two, large] = [bytes(1000, 1), bytes(0, 2), bytes(5 << 20, 3)];
      await store.commit(
        commitOf({
          state: new Map([
            [
              "t",
              new Map([
                ["one", one],
                ["two", two],
                ["large", large],
              ]),
            ],
            ["u", new Map([["one", two]])],
          ]),
        }),
      );
      const state = await store.state("t");
      expect([...state.keys()].sort()).toEqual(["large", "one", "two"]);
      expect(Buffer.compare(state.get("one")!, one)).toBe(0);
      expect(state.get("two")!.length).toBe(0);
      expect(Buffer.compare(state.get("large")!, large)).toBe(0);
      await store.commit(
        commitOf({
          state: new Map([
            [
              "t",
              new Map([
                ["one", two],
                ["large", undefined],
                ["missing", undefined],
              ]),
            ],
          ]),
        }),
      );
      expect([...(await store.state("t"))].map(([key, value]) => [key, value.length])).toEqual(
        expect.arrayContaining([
          ["one", 0],
          ["two", 0],
        ]),
      );
      expect((await store.state("t")).size).toBe(2);
      expect((await store.state("u")).size).toBe(1);
    });

    it("numbers outputs in order, over batches, and shows the newest of each key first", async () => {
      const outputs = Array.from({ length: 1203 }, (_, i) => anomaly(`k${i % 700}`, `{"i":${i}}`));
      await store.commit(commitOf({ outputs }));
      await store.commit(
        commitOf({
          outputs: [
            anomaly("k5", '"é\\u0000 ☃"'),
            { topic: "dead-letters", key: "k5", value: "{}" },
            anomaly("k5", "2"),
          ],
        }),
      );
      const all = await store.records("anomalies");
      expect(all.map(({ value }) => value)).toEqual([...outputs.map(({ value }) => value), '"é\\u0000 ☃"', "2"]);
      expect(all.every((record, i) => i === 0 || record.seq > all[i - 1]!.seq)).toBe(true);
      expect(await store.records("anomalies", { afterSeq: all[1202]!.seq, limit: 1 })).toEqual([all[1203]]);
      const latest = await store.latest("anomalies");
      expect(latest.length).toBe(700);
      expect(latest[0]).toEqual(all[1204]);
      expect(latest[1]).toEqual(all[1202]);
      expect(await store.latest("anomalies", { limit: 2 })).toEqual(latest.slice(0, 2));
      expect(await store.latest("anomalies", { limit: 3, beforeSeq: latest[9]!.seq })).toEqual(latest.slice(10, 13));
      const rising = latest.toReversed();
      expect(await store.latest("anomalies", { oldestFirst: true })).toEqual(rising);
      const [from, to] = [rising[99]!.seq, rising[200]!.seq];
      const between = { oldestFirst: true, afterSeq: from, beforeSeq: to };
      expect(await store.latest("anomalies", between)).toEqual(rising.slice(100, 200));
      expect(await store.latest("anomalies", { ...between, limit: 7 })).toEqual(rising.slice(100, 107));
      expect(await store.latest("anomalies", { key: "k699" })).toEqual([all[699]]);
      expect(await store.latest("anomalies", { key: "k700" })).toEqual([]);
    });

    it("finds open incidents, and the actions of one, a page at a time", async () => {
      const outputs: OutputRecord[] = [];
      for (let i = 0; i < 300; i++) {
        const state = i % 10 === 0 ? "open" : "resolved";
        // A text that quotes a state is not one.
        const value = JSON.stringify({ id: `I${i}`, state, note: '"state":"resolved"' });
        outputs.push({ topic: "incidents", key: `I${i}`, value });
        const action = JSON.stringify({ plan: { id: `P${i}`, incidentId: `I${i % 3}` } });
        outputs.push({ topic: "actions", key: `P${i}`, value: action });
      }
      await store.commit(commitOf({ outputs }));
      const open = await store.latest("incidents", { open: true });
      expect(open.map((r) => r.key)).toEqual(Array.from({ length: 30 }, (_, i) => `I${290 - 10 * i}`));
      expect(await store.latest("incidents", { open: true, limit: 5, beforeSeq: open[4]!.seq })).toEqual(
        open.slice(5, 10),
      );
      await store.commit(
        commitOf({
          outputs: [{ topic: "incidents", key: "I290", value: JSON.stringify({ id: "I290", state: "resolved" }) }],
        }),
      );
      expect((await store.latest("incidents", { open: true }))[0]?.key).toBe("I280");
      const mine = await store.latest("actions", { incidentId: "I1" });
      expect(mine.length).toBe(100);
      expect(mine[0]?.key).toBe("P298");
      expect(await store.latest("actions", { incidentId: "I1", limit: 7, beforeSeq: mine[9]!.seq })).toEqual(
        mine.slice(10, 17),
      );
      expect(await store.latest("actions", { incidentId: "'); DROP TABLE latest; --" })).toEqual([]);
    });

    it("leaves nothing of a commit that fails", async () => {
      const before = [await store.positions(), (await store.records("anomalies")).length];
      const failing = commitOf({
        positions: new Map([["a", "99"]]),
        outputs: [anomaly("good", "1"), anomaly("bad\u0000", "1")],
      });
      const error = await store.commit(failing).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PipelineError);
      expect(error).toMatchObject({ code: "STORE_FAILED", retriable: false });
      expect([await store.positions(), (await store.records("anomalies")).length]).toEqual(before);
      await store.commit(commitOf({ positions: new Map([["a", "2"]]) }));
      expect((await store.positions()).get("a")).toBe("2");
    });

    it("chains the audit, also of simultaneous entries, and sees tampering", async () => {
      const entries = Array.from({ length: 8 }, (_, i) => ({
        planId: `p${i}`,
        timeMs: 1.7e12 + i,
        event: "executed",
        detail: `d"${i}`,
      }));
      await Promise.all(entries.map((entry) => store.audit(entry)));
      const trail = await store.auditTrail();
      expect(trail).toMatchObject(entries);
      expect(verifyAudit(trail)).toEqual({ ok: true });
      await Promise.all([store.audit(...entries.slice(0, 3)), store.audit(...entries.slice(3))]);
      const longer = await store.auditTrail();
      expect(longer).toMatchObject([...entries, ...entries]);
      expect(verifyAudit(longer)).toEqual({ ok: true });
      const [two, six] = [longer[2]!, longer[6]!];
      expect(await store.auditTrail({ planIds: ["p2", "p6", "none"] })).toEqual([two, six, longer[10]!, longer[14]!]);
      expect(await store.auditTrail({ planIds: [] })).toEqual([]);
      const changed = trail.map((entry, i) => (i === 3 ? { ...entry, detail: "other" } : entry));
      expect(verifyAudit(changed)).toEqual({ ok: false, brokenSeq: trail[3]!.seq });
      expect(verifyAudit(trail.toSpliced(5, 1))).toEqual({ ok: false, brokenSeq: trail[6]!.seq });
    });
  });
}
