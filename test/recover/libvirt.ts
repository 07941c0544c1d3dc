/**
 * A libvirtd of our own (session mode, its state in a folder) that runs real QEMU by TCG, with the guest of `machine.ts`. As
 * root it runs as another user, for a privileged one would manage the whole host.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoveryTarget, type UseOf } from "../../pipelines/core/recover-config.ts";
import { beatsIn, hasQemu, sendKey, writeDisk } from "./machine.ts";

export const hasLibvirt = hasQemu && existsSync("/usr/sbin/libvirtd") && existsSync("/usr/bin/virsh");
const NOBODY = 65534;

export async function startLibvirt() {
  const dir = mkdtempSync(join(tmpdir(), "fw-lv-"));
  const at = (name: string) => join(dir, name);
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  for (const sub of ["run", "config/libvirt", "cache", "data", "vm"]) mkdirSync(at(sub), { recursive: true });
  // Its log of the console would come from a daemon of its own.
  writeFileSync(at("config/libvirt/qemu.conf"), 'stdio_handler = "file"\nsecurity_driver = "none"\n');
  writeDisk(at("vm/disk.qcow2"));
  const xml = `<domain type='qemu'>
  <name>faultwright-test</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <on_crash>preserve</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${at("vm/disk.qcow2")}'/><target dev='hda' bus='ide'/></disk>
    <serial type='unix'><source mode='bind' path='${at("vm/serial")}'/><log file='${at("vm/console")}' append='on'/></serial>
    <panic model='isa'/><memballoon model='none'/>
  </devices>
</domain>
`;
  writeFileSync(at("vm/domain.xml"), xml);
  if (user !== undefined) {
    chmodSync(dir, 0o755);
    for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) chownSync(at(name), user, user);
  }
  const env = {
    ...{ PATH: process.env.PATH ?? "", HOME: dir, XDG_RUNTIME_DIR: at("run"), XDG_CONFIG_HOME: at("config") },
    ...{ XDG_CACHE_HOME: at("cache"), XDG_DATA_HOME: at("data") },
  };
  const command = ["/usr/sbin/libvirtd"];
  const argv =
    user === undefined ? command : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", ...command];
  let said = "";
  const daemon: ChildProcess = spawn(argv[0] as string, argv.slice(1), { env, stdio: ["ignore", "ignore", "pipe"] });
  daemon.stderr?.on("data", (d) => {
    said = (said + d).slice(-4000);
  });
  const socket = at("run/libvirt/libvirt-sock");
  for (let i = 0; i < 300 && !existsSync(socket); i++) await new Promise((go) => setTimeout(go, 50));
  if (!existsSync(socket)) throw new Error(`libvirtd did not start: ${said}`);
  const uri = `qemu+unix:///session?socket=${socket}`;
  const target = recoveryTarget.parse({
    name: "vm",
    use: {
      ...{
        kind: "libvirt",
        uri,
        domain: "faultwright-test",
        definition: at("vm/domain.xml"),
        console: at("vm/console"),
      },
      ...{ silent: "1500ms", keep: 2, start: "30s" },
    },
  }).use as UseOf<"libvirt">;
  const virsh = (...args: string[]) =>
    execFileSync("virsh", ["-q", "-c", uri, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return {
    ...{ dir, target, virsh },
    beats: () => beatsIn(at("vm/console")),
    send: (key: string) => sendKey(at("vm/serial"), key),
    async stop() {
      try {
        virsh("destroy", "faultwright-test");
      } catch {
        // not running
      }
      daemon.kill("SIGTERM");
      if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, "exit");
      // What it started itself (virtlogd) has the folder in its environment.
      for (const pid of readdirSync("/proc").filter((n) => /^\d+$/.test(n))) {
        const own = (() => {
          try {
            return readFileSync(`/proc/${pid}/environ`, "utf8").includes(at("run"));
          } catch {
            return false;
          }
        })();
        if (own) process.kill(Number(pid), "SIGKILL");
      }
      rmSync(dir, { recursive: true, maxRetries: 5, force: true });
    },
  };
}
