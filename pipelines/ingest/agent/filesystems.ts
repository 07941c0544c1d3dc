import { statfs } from "node:fs/promises";
import { withTimeout } from "./with-timeout.ts";

export interface Mount {
  device: string;
  mountpoint: string;
  type: string;
}

/** Bytes. `free` is what an ordinary user may still write, `reserved` what only root may. */
export interface FilesystemUse {
  mount: Mount;
  used: number;
  free: number;
  reserved: number;
}

const LOCAL = /^(ext[234]|xfs|btrfs|zfs|bcachefs|f2fs|jfs|reiserfs|vfat|exfat|ntfs3?|fuseblk|apfs|ufs)$/;
const REMOTE = /^(nfs4?|cifs|smb3|ceph|glusterfs|fuse\.(sshfs|glusterfs|ceph))$/;

/** /proc/mounts: file systems that hold data, each device once (its first mount), local ones first. */
export function parseMounts(text: string): Mount[] {
  const local: Mount[] = [];
  const remote: Mount[] = [];
  const seen = new Set<string>();
  for (const line of text.split("\n")) {
    const [device, mountpoint, type] = line.split(" ").map(unescapeOctal);
    if (device === undefined || mountpoint === undefined || type === undefined) continue;
    // A container's root is an overlay: the only one worth telling of.
    const isLocal = LOCAL.test(type) || (type === "overlay" && mountpoint === "/");
    if ((!isLocal && !REMOTE.test(type)) || device.startsWith("/dev/loop") || seen.has(device)) continue;
    seen.add(device);
    (isLocal ? local : remote).push({ device, mountpoint, type });
  }
  return [...local, ...remote];
}

// The kernel writes spaces and such as \040.
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export type StatfsCall = (path: string) => Promise<{ bsize: number; blocks: number; bfree: number; bavail: number }>;

/**
 * Asks file systems for their use without ever waiting for a dead one: a call that does not answer within `timeoutMs`
 * is given up, not repeated until it returns, and no more than `maxHung` may hang at once, because each holds one of
 * libuv's four threads. One more is kept for local file systems, which dead servers must not hide.
 */
export class FilesystemReader {
  readonly #call: StatfsCall;
  readonly #timeoutMs: number;
  readonly #maxHung: number;
  readonly #hung = new Set<string>();

  constructor(options: { call?: StatfsCall; timeoutMs?: number; maxHung?: number } = {}) {
    this.#call = options.call ?? ((path) => statfs(path));
    this.#timeoutMs = options.timeoutMs ?? 500;
    this.#maxHung = options.maxHung ?? 2;
  }

  /** Use of each mount that answers, at most `limit`; `onSilent` hears of those that do not. One at a time. */
  async read(mounts: readonly Mount[], limit: number, onSilent: (mount: Mount) => void): Promise<FilesystemUse[]> {
    const out: FilesystemUse[] = [];
    for (const mount of mounts.slice(0, limit)) {
      const path = mount.mountpoint;
      const room = this.#maxHung + (REMOTE.test(mount.type) ? 0 : 1);
      if (this.#hung.has(path) || this.#hung.size >= room) {
        onSilent(mount);
        continue;
      }
      this.#hung.add(path);
      const answer = this.#call(path).finally(() => this.#hung.delete(path));
      const stats = await withTimeout(answer, this.#timeoutMs);
      if (!stats) onSilent(mount);
      else if (stats.blocks > 0) {
        const { bsize, blocks, bfree, bavail } = stats;
        out.push({ mount, used: (blocks - bfree) * bsize, free: bavail * bsize, reserved: (bfree - bavail) * bsize });
      }
    }
    return out;
  }
}
