/** Windows of sessions without their ids: shares of windows found odd. */
import { CountWindows } from "../../../models/logs/count-windows.ts";
import { randomOf } from "../../../models/neural/random.ts";
import type { LabelledSession } from "./data.ts";

const ALPHA = 0.01;
const WARM = 300;

/**
 * Share of windows with p < 0.01, by the number of anomalous sessions in a window. Learns as it goes, without labels, from
 * windows of which a share `contaminated` has an anomalous session.
 */
export function streamFigures(
  sessions: readonly LabelledSession[],
  windowSessions: number,
  anomalous: readonly number[],
  { windows = 1500, contaminated = 0 }: { windows?: number; contaminated?: number } = {},
): number[] {
  const normal = sessions.filter((s) => s.label === 0);
  const odd = sessions.filter((s) => s.label === 1);
  const random = randomOf(7);
  const numbers = new Map<string, number>();
  const pick = (list: readonly LabelledSession[]) => list[Math.floor(random() * list.length)] as LabelledSession;
  const model = new CountWindows();
  const window = (bad: number) => {
    const counts = new Map<number, number>();
    for (let i = 0; i < windowSessions; i++)
      for (const event of pick(i < bad ? odd : normal).events) {
        const id = numbers.get(event) ?? numbers.size;
        numbers.set(event, id);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    return counts;
  };
  const found = anomalous.map(() => 0);
  for (let w = 0; w < WARM + windows; w++) {
    if (w >= WARM)
      for (const [k, bad] of anomalous.entries()) if ((model.score(window(bad))?.p ?? 1) < ALPHA) found[k]!++;
    model.learn(window(random() < contaminated ? 1 : 0));
  }
  return found.map((n) => n / windows);
}
