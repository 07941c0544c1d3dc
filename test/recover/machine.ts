/**
 * A real QEMU machine (TCG) whose guest is a boot sector of our own: it counts, and writes `heartbeat NNNNN` to its serial
 * port at each tick of the BIOS clock. `h` on the port makes it hang, `p` makes it tell QEMU of a panic.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoveryTarget, type UseOf } from "../../pipelines/core/recover-config.ts";

const found = (file: string) => (process.env.PATH ?? "").split(":").some((d) => existsSync(join(d, file)));
export const hasQemu = found("qemu-system-x86_64") && found("qemu-img");

const TEXT = "heartbeat 00000\r\n\0";
/** 16-bit code at 0x7c00, with the text at 0x7d00; its five digits are a counter in memory. */
const CODE = [
  ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7b, 0xfb, 0xfc], // cli; ds=ss=0; sp=0x7b00; sti; cld
  ...[0xbe, 0x00, 0x7d], // 0c: mov si, 0x7d00
  ...[0xac, 0x84, 0xc0, 0x74, 0x06], // 0f: lodsb; test al,al; jz 0x1a
  ...[0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5], // 14: mov dx,0x3f8; out dx,al; jmp 0x0f
  ...[0xbf, 0x0e, 0x7d], // 1a: mov di, 0x7d0e (the last digit)
  ...[0xfe, 0x05, 0x80, 0x3d, 0x3a, 0x75, 0x06], // 1d: inc [di]; cmp [di],':'; jne 0x2a
  ...[0xc6, 0x05, 0x30, 0x4f, 0xeb, 0xf3], // 24: mov [di],'0'; dec di; jmp 0x1d
  ...[0x8b, 0x1e, 0x6c, 0x04], // 2a: mov bx,[0x46c]
  ...[0x3b, 0x1e, 0x6c, 0x04, 0x74, 0xfa], // 2e: cmp bx,[0x46c]; je 0x2e
  ...[0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xd0], // 34: in al,0x3fd; test al,1; jz 0x0c
  ...[0xba, 0xf8, 0x03, 0xec], // 3c: in al,0x3f8
  ...[0x3c, 0x68, 0x74, 0x0c], // 40: cmp al,'h'; je 0x50
  ...[0x3c, 0x70, 0x75, 0xc4], // 44: cmp al,'p'; jne 0x0c
  ...[0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xeb, 0xbc], // 48: mov dx,0x505; mov al,1; out dx,al; jmp 0x0c
  ...[0xfa, 0xeb, 0xfe], // 50: cli; jmp $
];

/** Writes the guest's disk. */
export function writeDisk(path: string): void {
  const sector = Buffer.alloc(1 << 20);
  sector.set(CODE);
  sector.write(TEXT, 0x100, "latin1");
  sector.set([0x55, 0xaa], 510);
  writeFileSync(`${path}.raw`, sector);
  execFileSync("qemu-img", ["convert", "-O", "qcow2", `${path}.raw`, path]);
  rmSync(`${path}.raw`);
}

/** The counter at each heartbeat that the console shows. */
export const beatsIn = (console: string): number[] =>
  [...(existsSync(console) ? readFileSync(console, "latin1") : "").matchAll(/heartbeat (\d{5})\r/g)].map((m) =>
    Number(m[1]),
  );

/** Says a key to the guest over its serial port's socket. */
export async function sendKey(path: string, key: string): Promise<void> {
  const socket = connect({ path });
  await once(socket, "connect");
  socket.end(key);
  await once(socket, "close");
}

/** Starts it; with `daemon` by its definition, as the target's `create` would. */
export async function startMachine() {
  const dir = mkdtempSync(join(tmpdir(), "fw-vm-"));
  const at = (name: string) => join(dir, name);
  writeDisk(at("disk.qcow2"));
  const definition = [
    ...["qemu-system-x86_64"],
    ...["-accel", "tcg", "-m", "8", "-display", "none", "-nodefaults", "-no-user-config", "-device", "pvpanic"],
    ...["-blockdev", `driver=qcow2,node-name=disk0,file.driver=file,file.filename=${at("disk.qcow2")}`],
    ...["-device", "ide-hd,drive=disk0", "-action", "panic=pause"],
    ...["-chardev", `socket,id=s,path=${at("serial")},server=on,wait=off,logfile=${at("console")}`],
    ...["-serial", "chardev:s", "-qmp", `unix:${at("qmp")},server=on,wait=off`],
    ...["-pidfile", at("pid"), "-daemonize"],
  ];
  execFileSync(definition[0] as string, definition.slice(1), { stdio: ["ignore", "ignore", "inherit"] });
  const target = recoveryTarget.parse({
    name: "vm",
    use: {
      kind: "qemu",
      socket: at("qmp"),
      disk: "disk0",
      console: at("console"),
      silent: "800ms",
      keep: 2,
      create: definition,
    },
  }).use as UseOf<"qemu">;
  const beats = () => beatsIn(at("console"));
  const pid = () => Number(readFileSync(at("pid"), "utf8"));
  for (let i = 0; i < 200 && beats().length < 3; i++) await new Promise((go) => setTimeout(go, 50));
  return {
    ...{ dir, target, beats },
    send: (key: string) => sendKey(at("serial"), key),
    /** As a crash of QEMU: nothing is left but its files. */
    async die() {
      const gone = pid();
      process.kill(gone, "SIGKILL");
      for (let i = 0; i < 200 && existsSync(`/proc/${gone}`); i++) await new Promise((go) => setTimeout(go, 20));
    },
    stop() {
      try {
        process.kill(pid(), "SIGKILL");
      } catch {
        // gone already
      }
      rmSync(dir, { recursive: true, maxRetries: 5 });
    },
  };
}
