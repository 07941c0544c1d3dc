import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { hashTree, writeManifest } from "../../../pipelines/recover/actions/common/manifest.ts";
import { files, takeSnapshot } from "../../../pipelines/recover/actions/files.ts";
import { release } from "../../../pipelines/recover/actions/release.ts";
import { type Act, carryOut } from "../crash.ts";
import { testContext } from "../fixtures.ts";

let dir: string;
const at = (...parts: string[]) => join(dir, ...parts);
const act = (use: Act["use"], kind: string, onsetMs: number | null = null): Act => ({
  ...{ use, target: "t", kind, onsetMs, createdMs: Date.now() },
  trail: at("audit.jsonl"),
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fw-files-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("files", () => {
  let use: UseOf<"files">;
  beforeEach(async () => {
    mkdirSync(at("live/sub"), { recursive: true });
    mkdirSync(at("snapshots"));
    writeFileSync(at("live/a; rm -rf $HOME"), "good");
    writeFileSync(at("live/sub/b"), "good");
    symlinkSync("sub/b", at("live/link"));
    symlinkSync(at("live"), at("current"));
    use = recoveryTarget.parse({ name: "t", use: { kind: "files", link: at("current"), snapshots: at("snapshots") } })
      .use as UseOf<"files">;
    await takeSnapshot(use, "one", 1000);
    writeFileSync(at("live/sub/b"), "newer");
    await takeSnapshot(use, "two", 2000);
    writeFileSync(at("live/sub/b"), "corrupt");
  });
  const adapter = () => files({ targets: { t: use } })["restore-files"]!;

  it.each([
    [null, "newer"],
    [2000, "good"],
  ])(
    "come from the newest snapshot before %s, at once, and the old folder stays",
    async (onsetMs, content) => {
      expect(await adapter().probe("t")).toMatchObject({ healthy: false });
      const { result, trail } = await carryOut(act(use, "restore-files", onsetMs));
      expect(readFileSync(at("current/sub/b"), "utf8")).toBe(content);
      expect(readFileSync(at("live/sub/b"), "utf8")).toBe("corrupt");
      expect(result).toMatchObject({ ok: true });
      expect(trail.map((e) => e.event)).toContain("step");
    },
    20_000,
  );

  it("go back when undone", async () => {
    const before = await adapter().probe("t");
    const context = testContext();
    await adapter().execute("t", before, context);
    expect(await adapter().undo("t", before, context)).toMatchObject({ ok: true });
    expect(readFileSync(at("current/sub/b"), "utf8")).toBe("corrupt");
  });

  it.each([
    ["changed", () => writeFileSync(at("snapshots/two/sub/b"), "bad")],
    ["gone", () => rmSync(at("snapshots/two/sub/b"))],
    ["added", () => writeFileSync(at("snapshots/two/c"), "bad")],
    ["given other permissions", () => execFileSync("chmod", ["777", at("snapshots/two/sub/b")])],
  ])("are not switched to when a file of the snapshot was %s", async (_, damage) => {
    damage();
    const before = await adapter().probe("t");
    await expect(adapter().execute("t", before, testContext())).rejects.toThrow("damaged");
    expect((await adapter().probe("t")).fingerprint).toBe(before.fingerprint);
    expect(readdirSync(dir).sort()).toEqual(["current", "live", "snapshots"]);
  });

  it("have none before the first snapshot, and a folder in place of the link is refused", async () => {
    expect(await adapter().dryRun("t", await adapter().probe("t"), { onsetMs: 1000 })).toMatchObject({ ok: false });
    rmSync(at("current"));
    mkdirSync(at("current"));
    await expect(adapter().probe("t")).rejects.toThrow("not a symbolic link");
  });

  it("hash to the same wherever they lie, and differently with one bit changed", async () => {
    const one = await hashTree(at("live"));
    execFileSync("cp", ["-a", at("live"), at("copy")]);
    expect(await hashTree(at("copy"))).toEqual(one);
    writeFileSync(at("copy/sub/b"), "corrupu");
    expect((await hashTree(at("copy"))).hash).not.toBe(one.hash);
    await expect(hashTree(at("live"), 2)).rejects.toThrow("more than 2");
  });
});

describe("a release", () => {
  const target = (more = {}) =>
    recoveryTarget.parse({
      name: "t",
      use: { kind: "release", link: at("current"), releases: at("releases"), ...more },
    }).use as UseOf<"release">;
  const health = { kind: "command", command: ["true"] };
  beforeEach(() => {
    mkdirSync(at("releases"));
    for (const [name, text] of [
      ["v1", "good 1"],
      ["v2", "good 2"],
      ["v3", "bad 3"],
    ] as const) {
      mkdirSync(at("releases", name));
      writeFileSync(at("releases", name, "config"), text);
    }
    symlinkSync(at("releases/v3"), at("current"));
  });

  it("goes back to the newest that was verified; from there to the next older, never newer", async () => {
    await writeManifest(at("releases/v1"), 1);
    await writeManifest(at("releases/v2"), 2);
    const use = target({ health: { ...health, command: ["grep", "-q", "good", at("current/config")] } });
    const { rollback } = release({ targets: { t: use } });
    expect(await rollback!.probe("t")).toMatchObject({ healthy: false });
    const { result } = await carryOut(act(use, "rollback"));
    expect(result).toMatchObject({ ok: true });
    expect(realpathSync(at("current"))).toBe(at("releases/v2"));
    await rollback!.execute("t", await rollback!.probe("t"), testContext());
    expect(realpathSync(at("current"))).toBe(at("releases/v1"));
    expect(await rollback!.dryRun("t", await rollback!.probe("t"), { onsetMs: null })).toMatchObject({ ok: false });
  });

  it("is not taken when it changed since it was verified, and undone when it is not healthy either", async () => {
    await writeManifest(at("releases/v2"), 2);
    writeFileSync(at("releases/v2/config"), "good, but another");
    const use = target();
    const { rollback } = release({ targets: { t: use } });
    await expect(rollback!.execute("t", await rollback!.probe("t"), testContext())).rejects.toThrow("changed since");
    await writeManifest(at("releases/v2"), 2);
    const ill = target({ health: { kind: "command", command: ["false"] }, start: 200 });
    const { result } = await carryOut(act(ill, "rollback"));
    expect(result).toMatchObject({ ok: false, detail: expect.stringContaining("undone") });
    expect(realpathSync(at("current"))).toBe(at("releases/v3"));
  });

  it("is laid out from the newest verified git tag, whatever its name", async () => {
    mkdirSync(at("repo"));
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", at("repo"), "-c", "user.name=t", "-c", "user.email=t@example.org", ...args]);
    git("init", "-q");
    const tags = ["verified/1", "verified/$(touch$IFS.pwned);2", "candidate/3"];
    tags.forEach((tag, i) => {
      writeFileSync(at("repo/config"), `good ${i}`);
      git("add", ".");
      git("commit", "-qm", tag, "--date", `2026-01-0${i + 1}T00:00:00Z`);
      git("tag", "-a", "-m", "x", tag);
    });
    const use = target({ repository: at("repo") });
    const { rollback } = release({ targets: { t: use } });
    const before = await rollback!.probe("t");
    expect(await rollback!.execute("t", before, testContext())).toMatchObject({ ok: true });
    // Tags of one second have no order of their own: either way it is a verified one.
    const first = readFileSync(at("current/config"), "utf8");
    expect(["good 0", "good 1"]).toContain(first);
    expect(existsSync(at("current/.archive.tar"))).toBe(false);
    expect(existsSync(at("repo/.pwned")) || existsSync(".pwned")).toBe(false);
    expect(readdirSync(at("releases")).filter((n) => n.startsWith("."))).toEqual([]);
    expect(await rollback!.undo("t", before, testContext())).toMatchObject({ ok: true });
    expect(realpathSync(at("current"))).toBe(at("releases/v3"));
  });
});
