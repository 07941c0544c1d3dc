/**
 * How long to compute between two checkpoints so that the least time is lost, in the unit of the arguments: writing them
 * costs time, and so does doing again what came after the last one.
 *
 * `cost`: of one checkpoint; `mtbf`: mean time between failures. For cost < 2 mtbf Daly's higher-order estimate, which
 * for small costs is Young's sqrt(2 cost mtbf) less the cost; else mtbf.
 * @throws RangeError unless both are positive
 * @see Young 1974, CACM 17(9); Daly 2006, Future Generation Computer Systems 22(3), equation 37
 */
export function checkpointInterval({ cost, mtbf }: { readonly cost: number; readonly mtbf: number }): number {
  if (!(cost > 0 && mtbf > 0)) throw new RangeError(`checkpointInterval: cost ${cost}, mtbf ${mtbf}; both > 0`);
  if (cost >= 2 * mtbf) return mtbf;
  const x = cost / (2 * mtbf);
  return Math.sqrt(2 * cost * mtbf) * (1 + Math.sqrt(x) / 3 + x / 9) - cost;
}
