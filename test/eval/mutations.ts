/**
 * Each safety rule of recovery is taken out in a copy of the code, and its tests have to fail:
 * `npm run eval -- mutations [--only NAME] [--out FILE]`. A rule whose removal no test sees is printed as NOT SEEN, and the
 * exit code is 1.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { only: { type: "string" }, out: { type: "string" } } });
const root = new URL("../..", import.meta.url).pathname;

interface Mutation {
  readonly rule: string;
  readonly file: string;
  /** Stands there once; is replaced by `by`. */
  readonly text: string;
  readonly by: string;
  readonly tests: readonly string[];
}
const executor = ["test/recover/executor.test.ts"];
const lifecycle = ["test/recover/lifecycle.test.ts"];
const race = ["test/recover/race.test.ts"];
const recover = "pipelines/recover";

const MUTATIONS: readonly Mutation[] = [
  {
    rule: "dry run by default",
    file: `${recover}/executor.ts`,
    text: "dryRun = true, killSwitch",
    by: "dryRun = false, killSwitch",
    tests: executor,
  },
  {
    rule: "an approval is for this plan (executor)",
    file: `${recover}/executor.ts`,
    text: "planHash(plan) !== plan.hash ||",
    by: "",
    tests: executor,
  },
  {
    rule: "an approval names the plan's hash (stage)",
    file: `${recover}/lifecycle.ts`,
    text: "if (control.hash !== plan.hash)",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "approvals expire (executor)",
    file: `${recover}/executor.ts`,
    text: "if (clock.nowMs() > plan.expiresMs)",
    by: "if (false)",
    tests: executor,
  },
  {
    rule: "approvals expire (stage)",
    file: `${recover}/lifecycle.ts`,
    text: "if (time.nowMs > plan.expiresMs) return",
    by: "if (false) return",
    tests: lifecycle,
  },
  {
    rule: "cooldown",
    file: `${recover}/safety.ts`,
    text: "if (nowMs - last < limits.cooldownMs)",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "rate limit",
    file: `${recover}/safety.ts`,
    text: "if (recent >= limits.maxPerHour)",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "cooldown of a kind of action",
    file: `${recover}/safety.ts`,
    text: "if (nowMs - lastAlike < (kind?.cooldownMs ?? 0))",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "rate limit of a kind of action",
    file: `${recover}/safety.ts`,
    text: "if (recentAlike >= (kind?.maxPerHour ?? Number.POSITIVE_INFINITY))",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "blast radius",
    file: `${recover}/safety.ts`,
    text: "if (blastRadius.length > Math.max(1, targets.length * limits.maxBlastRatio))",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "never the last healthy copy",
    file: `${recover}/safety.ts`,
    text: "known > 1 && healthy.length === 0",
    by: "false",
    tests: lifecycle,
  },
  {
    rule: "preconditions re-checked: the same target",
    file: `${recover}/executor.ts`,
    text: "if (now.fingerprint !== before.fingerprint) return",
    by: "if (false) return",
    tests: executor,
  },
  {
    rule: "preconditions re-checked: still ill",
    file: `${recover}/executor.ts`,
    text: "if (now.healthy && !before.healthy &&",
    by: "if (false &&",
    tests: executor,
  },
  {
    rule: "looked at again just before the effect",
    file: `${recover}/action-context.ts`,
    text: "if (now.fingerprint !== state.fingerprint)",
    by: "if (false)",
    tests: executor,
  },
  {
    rule: "one action per target (stage)",
    file: `${recover}/safety.ts`,
    text: "if (same !== undefined)",
    by: "if (false as boolean)",
    tests: lifecycle,
  },
  {
    rule: "one action per target (what a crash left)",
    file: `${recover}/executor.ts`,
    text: "if (firstUnfinished(trail, plan.target) !== undefined)",
    by: "if (false)",
    tests: executor,
  },
  {
    rule: "lock over processes of a host",
    file: `${recover}/executor.ts`,
    text: "lock = await options.lockTarget?.(plan.target);",
    by: "",
    tests: race,
  },
  {
    rule: "the first intent of a plan is the only one",
    file: `${recover}/executor.ts`,
    text: "if (intentsOf(trail, action.plan.id)[0]?.token !== token)",
    by: "if (false)",
    tests: race,
  },
  {
    rule: "an actor that slept too long stops",
    file: `${recover}/action-context.ts`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of the source
    text: "if (lease.lost()) throw refused(`slept for longer than the lease before step ${name}`);",
    by: "",
    tests: race,
  },
  {
    rule: "after a crash the adapter says what happened",
    file: `${recover}/executor.ts`,
    text: "(now && before && adapter?.happened?.(before, now, intent.timeMs)) ?? newer;",
    by: "newer;",
    tests: executor,
  },
  {
    rule: "what another took over is left alone",
    file: `${recover}/action-context.ts`,
    text: "if (!intentIsOpen(await trail(), token, holder))",
    by: "if (false)",
    tests: [...executor, ...race],
  },
  {
    rule: "nobody takes over what is renewed",
    file: `${recover}/executor.ts`,
    text: "claims.silentMs(holder) > 2 * claims.leaseMs",
    by: "true",
    tests: race,
  },
  {
    rule: "one of two takes over",
    file: `${recover}/executor.ts`,
    text: "if (!intentIsOpen(await store.auditTrail({ planIds: [action.plan.id] }), token, holder)) return;",
    by: "",
    tests: race,
  },
  {
    rule: "a clock that jumps ends a lease",
    file: `${recover}/lease.ts`,
    text: "Math.max(performance.now() - from.steady, nowMs() - from.wall)",
    by: "performance.now() - from.steady",
    tests: race,
  },
  {
    rule: "verified by the incident's own signal",
    file: `${recover}/lifecycle.ts`,
    text: "if (resolvedMs !== null && resolvedMs >= entry.startedMs!)",
    by: "if (resolvedMs !== null)",
    tests: lifecycle,
  },
  {
    rule: "stops after two repairs that did not help",
    file: `${recover}/lifecycle.ts`,
    text: ".length >= 2)",
    by: ".length >= 99)",
    tests: lifecycle,
  },
  {
    rule: "stops when data is stale",
    file: `${recover}/safety.ts`,
    text: "if (nowMs - view.watermarkMs > limits.staleMs)",
    by: "if (false)",
    tests: lifecycle,
  },
  {
    rule: "never two targets at once",
    file: `${recover}/safety.ts`,
    text: "if (other !== undefined)",
    by: "if (false as boolean)",
    tests: lifecycle,
  },
  {
    rule: "the audit of the intent comes before the act",
    file: `${recover}/executor.ts`,
    text: 'await lease.seen(() => audit(action, "intent", intent));',
    by: 'await lease.seen(() => audit(action, "intent", intent)).catch(() => undefined);',
    tests: [...executor, "test/recover/full-disk.test.ts"],
  },
  {
    rule: "each step is in the audit before it is made",
    file: `${recover}/action-context.ts`,
    text: 'await lease.seen(() => audit("step", JSON.stringify({ token, name, detail: detail.slice(0, 300) })));',
    by: "",
    tests: executor,
  },
  {
    rule: "allow-list",
    file: `${recover}/actions/common/target-of.ts`,
    text: "if (!Object.hasOwn(targets, name)) throw refusedTarget(name);",
    by: "",
    tests: ["test/recover/actions/command-webhook.test.ts", "test/recover/actions/child.test.ts"],
  },
  {
    rule: "kill switch before acting",
    file: `${recover}/executor.ts`,
    text: 'if (killSwitch()) return refuse(action, "the kill switch is on");',
    by: "",
    tests: executor,
  },
  {
    rule: "kill switch between intent and act",
    file: `${recover}/executor.ts`,
    text: 'if (killSwitch()) return await release("the kill switch is on");',
    by: "",
    tests: executor,
  },
  {
    rule: "kill switch between steps",
    file: `${recover}/action-context.ts`,
    text: "if (killSwitch()) throw",
    by: "if (false) throw",
    tests: executor,
  },
  {
    rule: "undone at once where it did not verify",
    file: `${recover}/run-adapter.ts`,
    text: "adapter.undoOnFailure !== true",
    by: "true",
    tests: executor,
  },
  {
    rule: "an undo needs an approval of its own",
    file: `${recover}/lifecycle.ts`,
    text: "plan.undoOf === undefined && auto.has(plan.action)",
    by: "auto.has(plan.action)",
    tests: lifecycle,
  },
  {
    rule: "an undo of what somebody changed since",
    file: `${recover}/undo.ts`,
    text: "if (past.after !== undefined && !sameAs(state, past.after))",
    by: "if (false)",
    tests: ["test/recover/undo.test.ts"],
  },
  {
    rule: "decisions by webhook are signed",
    file: "pipelines/run/approval-routes.ts",
    text: "if (given.length !== wanted.length || !timingSafeEqual(given, wanted))",
    by: "if (false)",
    tests: ["test/run/approval-routes.test.ts"],
  },
  {
    rule: "decisions by webhook are fresh",
    file: "pipelines/run/approval-routes.ts",
    text: "Math.abs(clock.nowMs() - Number(timestamp)) > FRESH_MS",
    by: "false",
    tests: ["test/run/approval-routes.test.ts"],
  },
];

const dir = mkdtempSync(join(tmpdir(), "fw-mutations-"));
for (const name of ["pipelines", "models", "test", "data", "package.json", "tsconfig.json", "vitest.config.ts"])
  cpSync(join(root, name), join(dir, name), { recursive: true });
symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
const fails = (tests: readonly string[]) => {
  const run = spawnSync("npx", ["vitest", "run", "--bail", "1", ...tests], { cwd: dir, encoding: "utf8" });
  return run.status !== 0;
};
let missed = 0;
const lines: string[] = [];
try {
  // Whole, they pass: else a failure would say nothing.
  const all = [...new Set(MUTATIONS.flatMap((m) => m.tests))];
  if (fails(all)) throw new Error("the tests fail with all rules in place");
  for (const { rule, file, text, by, tests } of MUTATIONS.filter(
    (m) => values.only === undefined || m.rule.includes(values.only),
  )) {
    const path = join(dir, file);
    const source = readFileSync(path, "utf8");
    const parts = source.split(text);
    if (parts.length !== 2) throw new Error(`${rule}: its line stands ${parts.length - 1} times in ${file}`);
    writeFileSync(path, parts.join(by));
    const seen = fails(tests);
    writeFileSync(path, source);
    if (!seen) missed++;
    const line = `| ${rule} | \`${file.split("/").at(-1)}\` | ${tests.map((t) => t.split("/").at(-1)).join(", ")} | ${seen ? "fails" : "NOT SEEN"} |`;
    process.stderr.write(`${line}\n`);
    lines.push(line);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const table = `| rule taken out | of | tests | with it gone |\n|---|---|---|---|\n${lines.join("\n")}\n`;
process.stdout.write(table);
if (values.out) writeFileSync(values.out, table);
process.exitCode = missed > 0 ? 1 : 0;
