import { type CountGroup, deviationsOf, distance } from "./count-vectors.ts";

/** "none": all training sessions are normal; "always": some may be anomalous; "auto": decided by how many are isolated. */
export type Trim = "auto" | "always" | "none";

/** A vector is isolated when no vector of three times its sessions is near. */
const DENSER = 3;
/** Further than this is isolated beyond doubt: more than two events that never vary differ. */
const FAR = 5;
/** Share of sessions far from all denser ones that rare normal behaviour can explain. */
const RARE_NORMAL = 0.005;
/** Once anomalies are sure to be among the sessions: nearer than one event that never varies. */
const NEAR = 1.5;
/** A vector of a larger share of the sessions is normal, whatever its place. */
const COMMON = 0.01;

/**
 * The groups without those that are isolated: anomalies repeat too, so being seen often is no proof, but they lie far from
 * what is seen much more often. O(groups^2).
 * @see Rodriguez & Laio 2014, Science 344(6191) (distance to the nearest point of higher density)
 */
export function trimmed(groups: readonly CountGroup[], events: number, trim: Trim): CountGroup[] {
  const all = [...groups];
  if (trim === "none") return all;
  const total = all.reduce((sum, g) => sum + g.sessions, 0);
  const deviations = deviationsOf(all, events);
  const isolation = new Map(all.map((g) => [g, isolationOf(g, all, deviations)]));
  const isolated = (g: CountGroup, limit: number) =>
    g.sessions < COMMON * total && (isolation.get(g) as number) > limit;
  const far = all.reduce((sum, g) => sum + (isolated(g, FAR) ? g.sessions : 0), 0);
  if (trim === "auto" && far <= RARE_NORMAL * total) return all;
  const kept = all.filter((g) => !isolated(g, NEAR));
  return kept.length > 0 ? kept : all;
}

/** Groups come most sessions first. Infinity for one that is denser than all others. */
function isolationOf(g: CountGroup, groups: readonly CountGroup[], deviations: Float64Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (const other of groups) {
    if (other.sessions < DENSER * g.sessions) break;
    least = Math.min(least, distance(g.counts, other.counts, deviations));
  }
  return least;
}
