/** Text of incidents is data: whatever a name or a message holds, every argument array is the config's own. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recoveryTarget } from "../../pipelines/core/recover-config.ts";
import { adaptersFor } from "../../pipelines/recover/actions/index.ts";
import { actionLifecycle } from "../../pipelines/recover/lifecycle.ts";
import { chooseAction } from "../../pipelines/recover/policy.ts";
import { incident, testContext } from "./fixtures.ts";

const PIECES = [
  "; touch X",
  "$(touch X)",
  "`touch X`",
  "| touch X",
  "&& touch X",
  "--all",
  "-rf",
  "'",
  '"',
  "\n",
  "\0",
  "../",
  "shop",
  "%s",
  "{{x}}",
  "\u202e",
  "__proto__",
  "<x>",
  " ",
];
const hostile = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((p) => p.join("")),
  fc.string({ unit: "binary", maxLength: 40 }),
);

let dir: string;
const path = process.env.PATH;
const at = (name: string) => join(dir, name);
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "fw-hostile-"));
  mkdirSync(at("bin"));
  mkdirSync(at("releases"));
  mkdirSync(at("snapshots"));
  symlinkSync(at("releases"), at("link"));
  // Every program that an adapter may run notes its arguments, each ended by a NUL, each call by another.
  for (const name of ["systemctl", "virsh", "psql", "pg_ctl", "pg_controldata", "git", "own"]) {
    writeFileSync(
      at(`bin/${name}`),
      `#!/bin/sh\n{ printf '%s\\0' "$0" "$@"; printf '\\0'; } >>${at("calls")}\nexit 1\n`,
    );
    chmodSync(at(`bin/${name}`), 0o755);
  }
  process.env.PATH = `${at("bin")}:${path}`;
});
afterAll(() => {
  process.env.PATH = path;
  rmSync(dir, { recursive: true });
});
/** Distinct calls: how often one waits for health is a matter of time. */
const calls = () =>
  [...new Set((existsSync(at("calls")) ? readFileSync(at("calls"), "utf8") : "").split("\0\0"))].sort();

/** A target of every kind, under a name that is itself hostile; all that they reach is ours or nothing. */
const targets = (name: string) => {
  const health = { kind: "command", command: [at("bin/own"), "health"] };
  const uses: object[] = [
    { kind: "systemd", unit: "shop.service", health },
    { kind: "supervisord", socket: at("none"), program: "shop", health },
    { kind: "child", command: [at("bin/own"), "child"], start: 1, term: 1 },
    { kind: "files", link: at("link"), snapshots: at("snapshots"), health },
    { kind: "release", link: at("link"), releases: at("releases"), repository: dir, health },
    {
      kind: "postgres",
      bin: at("bin"),
      host: dir,
      data: at("link"),
      backups: at("snapshots"),
      archive: at("snapshots"),
    },
    { kind: "postgres-replica", bin: at("bin"), host: dir, primary: { host: dir } },
    { kind: "qemu", socket: at("none"), disk: "d", create: [at("bin/own"), "create"], start: 1 },
    { kind: "libvirt", domain: "vm", virsh: at("bin/virsh"), uri: "test:///default" },
    {
      kind: "command",
      version: [at("bin/own"), "version"],
      health,
      actions: { fix: { effect: "x", run: [at("bin/own"), "run"] } },
    },
  ];
  return uses.map((use) => recoveryTarget.parse({ name, use }));
};
const KINDS = [
  "restart",
  "stop",
  "rollback",
  "restore-files",
  "point-in-time-recovery",
  "restore-latest",
  "promote-replica",
  "vm-reset",
  "vm-revert",
  "vm-resume",
  "vm-start",
  "fix",
];
const quietly = async (work: () => unknown) => {
  try {
    await work();
  } catch {
    // what it can't reach is not the question
  }
};

describe("hostile text", () => {
  it("in the name of a target, or asked for as one, changes no argument of any adapter", async () => {
    const ask = async (name: string, asked: string) => {
      rmSync(at("calls"), { force: true });
      for (const target of targets(name)) {
        const adapterFor = adaptersFor([target]);
        for (const kind of KINDS) {
          const adapter = adapterFor(kind, name);
          if (adapter === undefined) continue;
          await quietly(() => adapter.probe(asked));
          const state = {
            ...(await adapter.probe(name).catch(() => undefined)),
            exists: true,
            healthy: false,
            fingerprint: asked,
            startedAtMs: null,
            release: null,
            previousRelease: null,
            detail: asked,
          };
          await quietly(() => adapter.dryRun(name, state, { onsetMs: 5 }));
          const context = testContext({ onsetMs: 5, token: "00000000-0000-4000-8000-000000000000" });
          if (kind !== "restart" && kind !== "stop") await quietly(() => adapter.execute(name, state, context));
          else if (target.use.kind === "systemd") await quietly(() => adapter.execute(name, state, context));
        }
      }
      return calls();
    };
    // Twice: what time decides (a second look at health) may be in one of them.
    const plain = [...(await ask("shop", "shop!")), ...(await ask("shop", "shop!"))];
    expect(plain.length).toBeGreaterThan(10);
    const sample = fc.sample(hostile, { numRuns: 4, seed: 11 });
    for (const text of sample.filter((t) => t !== "" && t !== "shop")) {
      const got = await ask(text, `${text}!`);
      expect(got.filter((call) => !plain.includes(call))).toEqual([]);
      expect(got.length).toBeGreaterThan(10);
    }
    expect(existsSync("X") || existsSync(at("X"))).toBe(false);
  }, 180_000);

  it("as a suspect, a log line, a label or a headline leads to a plan only for a name of the config, as it stands there", () => {
    fc.assert(
      fc.property(hostile, hostile, (name, message) => {
        const life = actionLifecycle({
          targets: [{ name: "shop" }],
          policy: [{ log: "*", action: "restart" }, { action: "restart" }],
        });
        life.advance(1_000_000);
        const seen = incident({ suspect: name, entities: [name, message] });
        const log = {
          entity: name,
          startMs: 0,
          endMs: 1,
          template: message,
          severity: 9,
          count: 1,
          isNew: true,
          sample: message,
          traceId: "",
        };
        const told = { ...seen, labels: [message], diagnosis: { ...seen.diagnosis!, headline: message, logs: [log] } };
        expect(["restart", null]).toContain(chooseAction([{ log: message, action: "restart" }], told));
        for (const { plan } of life.onIncident(told)) {
          expect(plan).toMatchObject({ target: "shop", action: "restart", blastRadius: ["shop"] });
          expect(["shop", "service:shop"]).toContain(name);
        }
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});
