/** Template counts of each entity under a count model. */
import { CountWindows } from "../../models/logs/count-windows.ts";
import type { TemplateRates } from "../core/log-templates.ts";
import { fromChunk, toChunk } from "../core/stage.ts";

/** Memory: 100 bytes a template of an entity, at most 20,000 templates each and `mostEntities`; entities beyond get no opinion. */
export function templateRates({ mostEntities = 2000 } = {}): TemplateRates {
  const models = new Map<number, CountWindows>();
  const dirty = new Set<number>();
  return {
    judge(entityId, counts, now) {
      let model = models.get(entityId);
      if (!model) {
        if (models.size >= mostEntities) return undefined;
        model = new CountWindows();
        models.set(entityId, model);
      }
      model.rename(now);
      const opinion = model.score(counts);
      model.learn(counts);
      dirty.add(entityId);
      return opinion;
    },
    snapshot(put, full = false) {
      for (const id of full ? models.keys() : dirty) put(String(id), toChunk(models.get(id)?.save()));
      dirty.clear();
    },
    restore(chunks) {
      for (const [key, bytes] of chunks) models.set(Number(key), CountWindows.load(fromChunk(bytes)));
    },
  };
}
