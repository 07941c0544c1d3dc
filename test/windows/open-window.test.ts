import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OpenWindow, WindowArrays } from "../../pipelines/windows/open-window.ts";

const plain = (w: OpenWindow) => {
  const b = w.close();
  return [...b.seriesIds].map((id, i) => [id, b.value[i], b.count[i], b.min[i], b.max[i]]);
};

describe("an open window", () => {
  it.each([
    { name: "many of few ids", ids: 30 },
    { name: "few of very many ids", ids: 1_000_000 },
  ])("closes with one row a series, by id, as a map would have it: $name", ({ ids }) => {
    const arrays = new WindowArrays(); // recycled from run to run
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(ids), fc.integer({ min: -9, max: 9 })), { maxLength: 100 }), (rows) => {
        const w = new OpenWindow(0, 1000, arrays);
        const all = new Map<number, number[]>();
        for (const [id, v] of rows) {
          w.add(id, v);
          all.set(id, [...(all.get(id) ?? []), v]);
        }
        const expected = [...all].sort(([a], [b]) => a - b);
        expect(plain(w)).toEqual(
          expected.map(([id, vs]) => {
            const sum = vs.reduce((a, b) => a + b, 0);
            return [id, sum / vs.length, vs.length, Math.min(...vs), Math.max(...vs)];
          }),
        );
      }),
    );
  });

  it("saves only the blocks that changed, and comes back from them", () => {
    const w = new OpenWindow(5000, 6000);
    const chunks = new Map<string, Uint8Array>();
    const save = () => {
      const keys: string[] = [];
      w.snapshot((key, bytes) => {
        keys.push(key);
        chunks.set(key, bytes!);
      }, false);
      return keys;
    };
    for (let id = 9000; id > 0; id--) w.add(id, id);
    expect(save()).toEqual(["5000/0", "5000/1", "5000/2"]);
    expect(save()).toEqual([]);
    w.add(9000, 1); // in the first block
    w.add(20_000, 3); // new, in the last
    expect(save()).toEqual(["5000/0", "5000/2"]);
    expect(w.savedKeys()).toEqual([...chunks.keys()]);
    const back = new OpenWindow(5000, 6000);
    for (const [key, bytes] of [...chunks].reverse()) back.restore(Number(key.split("/")[1]), bytes);
    back.add(20_001, 4);
    w.add(20_001, 4);
    expect(plain(back)).toEqual(plain(w));
  });
});
