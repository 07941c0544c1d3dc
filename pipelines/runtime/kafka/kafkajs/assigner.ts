/** Which member of a group runs which task. */
import { AssignerProtocol, type PartitionAssigner } from "kafkajs";

const NAME = "faultwright-sticky";
const VERSION = 1;

/**
 * Partition p of every topic goes to one member, for it is one task; who runs a task keeps it while that is fair, for
 * its state is in his memory. Deterministic in (members, what they own). O(tasks x members).
 */
export function assignTasks(members: ReadonlyMap<string, readonly number[]>, tasks: number): Map<string, number[]> {
  const ids = [...members.keys()].sort();
  const out = new Map<string, number[]>(ids.map((id) => [id, []]));
  const least = Math.floor(tasks / ids.length);
  let above = tasks % ids.length;
  const free = new Set(Array.from({ length: tasks }, (_, task) => task));
  // Who has most comes first, so that the places above the least go where they move nothing.
  for (const id of [...ids].sort((a, b) => (members.get(b)?.length ?? 0) - (members.get(a)?.length ?? 0))) {
    const own = out.get(id) as number[];
    for (const task of [...(members.get(id) ?? [])].sort((a, b) => a - b)) {
      if (!free.has(task)) continue; // claimed by two: one of them was away
      if (own.length >= least && !(own.length === least && above > 0)) break;
      if (own.length === least) above -= 1;
      own.push(task);
      free.delete(task);
    }
  }
  for (const task of free) {
    let to = ids[0] as string;
    for (const id of ids) if ((out.get(id)?.length ?? 0) < (out.get(to)?.length ?? 0)) to = id;
    out.get(to)?.push(task);
  }
  for (const own of out.values()) own.sort((a, b) => a - b);
  return out;
}

/** `owned` is asked at each join. */
export const stickyAssigner =
  (owned: () => readonly number[]): PartitionAssigner =>
  ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: VERSION,
        topics,
        userData: Buffer.from(JSON.stringify(owned())),
      }),
    }),
    assign: async ({ members, topics }) => {
      const partitions = new Map(
        topics.map((t) => [t, cluster.findTopicPartitionMetadata(t).map((p) => p.partitionId)]),
      );
      const tasks = Math.max(0, ...[...partitions.values()].map((p) => p.length));
      const claims = new Map(members.map((m) => [m.memberId, claimOf(m.memberMetadata)]));
      return [...assignTasks(claims, tasks)].map(([memberId, own]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: VERSION,
          assignment: Object.fromEntries(
            [...partitions].map(([topic, ids]) => [topic, own.filter((task) => ids.includes(task))]),
          ),
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });

function claimOf(metadata: Buffer): number[] {
  try {
    const claim: unknown = JSON.parse(AssignerProtocol.MemberMetadata.decode(metadata)?.userData.toString() ?? "[]");
    return Array.isArray(claim) ? claim.filter((task): task is number => Number.isSafeInteger(task)) : [];
  } catch {
    return []; // another program in our group: it owns nothing
  }
}
