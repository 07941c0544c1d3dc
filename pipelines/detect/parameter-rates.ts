/** Durations and sizes of each template's lines against their own history, entity by entity. */
import { measuresOf, ParameterLevels } from "../../models/logs/parameter-levels.ts";
import type { LineParameters } from "../core/log-templates.ts";
import { fromChunk, toChunk } from "../core/stage.ts";

/** Of a longer line the beginning is looked through. */
const LONGEST = 500;
const SHARDS = 64;

/** Memory: at most 256 numbers a parameter, usually 20, of at most `mostParameters`; others get no opinion. */
export function parameterRates({ mostParameters = 5000 } = {}): LineParameters {
  const levels = new Map<string, ParameterLevels>();
  const dirty = new Set<number>();
  const shardOf = (key: string) => {
    let h = 0;
    for (let i = 0; i < key.length; i++) h = (Math.imul(h, 31) + key.charCodeAt(i)) | 0;
    return (h >>> 0) % SHARDS;
  };
  return {
    judge(entityId, templateId, body) {
      let [least, tests] = [1, 0];
      const places = { duration: 0, size: 0 };
      for (const { family, value } of measuresOf(body.length > LONGEST ? body.slice(0, LONGEST) : body)) {
        const key = `${entityId} ${templateId} ${family} ${places[family]++}`;
        let own = levels.get(key);
        if (!own) {
          if (levels.size >= mostParameters) continue;
          own = new ParameterLevels();
          levels.set(key, own);
        }
        const p = own.score(value);
        own.learn(value);
        dirty.add(shardOf(key));
        if (p === undefined) continue;
        tests++;
        if (p < least) least = p;
      }
      return { p: least, tests };
    },
    snapshot(put, full = false) {
      const shards = new Map<number, [string, unknown][]>();
      for (const [key, own] of levels) {
        const shard = shardOf(key);
        if (!full && !dirty.has(shard)) continue;
        const list = shards.get(shard) ?? [];
        shards.set(shard, list);
        list.push([key, own.save()]);
      }
      for (const [shard, list] of shards) put(String(shard), toChunk(list));
      dirty.clear();
    },
    restore(chunks) {
      for (const [, bytes] of chunks)
        for (const [key, saved] of fromChunk<[string, ReturnType<ParameterLevels["save"]>][]>(bytes))
          levels.set(key, ParameterLevels.load(saved));
    },
  };
}
