/** What is reached by a symbolic link: all of the old or all of the new, and nothing left over. */
import {
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
import { expect } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { writeManifest } from "../../../pipelines/recover/actions/common/manifest.ts";
import { files, takeSnapshot } from "../../../pipelines/recover/actions/files.ts";
import { release } from "../../../pipelines/recover/actions/release.ts";
import type { KillSite } from "./site.ts";

export const filesSite: KillSite = {
  present: true,
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
    const at = (...parts: string[]) => join(dir, ...parts);
    mkdirSync(at("live"));
    mkdirSync(at("snapshots"));
    symlinkSync(at("live"), at("current"));
    writeFileSync(at("live/a"), "good");
    const use = recoveryTarget.parse({
      name: "t",
      use: { kind: "files", link: at("current"), snapshots: at("snapshots") },
    }).use as UseOf<"files">;
    await takeSnapshot(use, "one", 1000);
    const made = () => readdirSync(dir).filter((n) => n.startsWith("current-restore-"));
    return {
      ...{ dir, family: files({ targets: { t: use } }) },
      async due(kind) {
        for (const name of made()) rmSync(at(name), { recursive: true });
        rmSync(at("current"));
        symlinkSync(at("live"), at("current"));
        writeFileSync(at("live/a"), "corrupt");
        return { use, target: "t", kind, onsetMs: null };
      },
      effects: async () => ({ prepare: made().length, switch: realpathSync(at("current")) === at("live") ? 0 : 1 }),
      async settled(_kind, done) {
        expect(readFileSync(at("current/a"), "utf8")).toBe(done ? "good" : "corrupt");
        expect(made()).toHaveLength(done ? 1 : 0);
      },
      stop: async () => rmSync(dir, { recursive: true }),
    };
  },
};

export const releaseSite: KillSite = {
  present: true,
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
    const at = (...parts: string[]) => join(dir, ...parts);
    for (const name of ["v1", "v2"]) {
      mkdirSync(at("releases", name), { recursive: true });
      writeFileSync(at("releases", name, "config"), name);
    }
    await writeManifest(at("releases/v1"), 1);
    symlinkSync(at("releases/v2"), at("current"));
    // What was loaded: a reload too many does no harm, one too few does.
    const reload = ["sh", "-c", `cat "${at("current/config")}" >"${at("loaded")}"`];
    const use = recoveryTarget.parse({
      name: "t",
      use: { kind: "release", link: at("current"), releases: at("releases"), reload },
    }).use as UseOf<"release">;
    return {
      ...{ dir, family: release({ targets: { t: use } }) },
      async due(kind) {
        rmSync(at("current"));
        symlinkSync(at("releases/v2"), at("current"));
        writeFileSync(at("loaded"), "v2");
        return { use, target: "t", kind };
      },
      effects: async () => ({ switch: realpathSync(at("current")) === at("releases/v1") ? 1 : 0 }),
      async settled(_kind, done) {
        expect(readFileSync(at("current/config"), "utf8")).toBe(done ? "v1" : "v2");
        expect(readFileSync(at("loaded"), "utf8")).toBe(done ? "v1" : "v2");
      },
      stop: async () => rmSync(dir, { recursive: true }),
    };
  },
};
