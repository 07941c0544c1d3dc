/** Templates of a case's log lines, by the miner that the stream has too. */
import { Miner } from "../../../models/logs/miner.ts";
import type { LineTemplates } from "../../core/log-templates.ts";

/** Of a longer line the beginning counts. */
const LONGEST = 500;

/** One for each case: ids are of the lines that it has seen. */
export function minedTemplates({ mostTemplates = 5000 } = {}): LineTemplates {
  const miner = new Miner({ mostTemplates });
  return {
    idOf: (message) => miner.add(message.slice(0, LONGEST)),
    now: (id) => miner.current(id),
    textOf: (id) => miner.textOf(id),
  };
}
