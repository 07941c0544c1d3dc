/** Which of several tasks an entity belongs to. */

/** A task's part of a record that several tasks get whole. */
export interface Share {
  readonly index: number;
  readonly of: number;
  /** One of them answers for what belongs to no entity: rows that can't be read at all. */
  readonly primary: boolean;
}

/**
 * FNV-1a over the UTF-16 units of `kind:name`, modulo `of`: the same on every machine and in every version.
 * @see Fowler, Noll & Vo, IETF draft-eastlake-fnv
 */
export function shareOf(kind: string, name: string, of: number): number {
  let hash = 0x811c9dc5;
  const text = `${kind}:${name}`;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % of;
}
