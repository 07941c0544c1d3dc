/** `npm run eval -- logs [--neural]`: templates and sessions on the development data above the peers, and generated logs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Miner } from "../../../models/logs/miner.ts";
import { type SessionModelName, sessionModels } from "../../../models/logs/sessions/index.ts";
import type { Template } from "../../../models/logs/template-set.ts";
import { conventionsOf } from "./conventions.ts";
import { dataDir, type LabelledSession, sessionSet, systems } from "./data.ts";
import { generate, type System } from "./generator.ts";
import { quietFigures } from "./quiet.ts";
import { rank } from "./score-sessions.ts";
import { MEASURES, meanOf, type Scored, scoreTemplates } from "./score-templates.ts";
import { streamFigures } from "./streams.ts";
import { DEVELOPMENT, HELD_OUT } from "./systems.ts";
import { THIRD } from "./third.ts";
import { SECOND } from "./unseen.ts";

const { values } = parseArgs({ options: { neural: { type: "boolean", default: false } } });
const say = (text: string) => void process.stdout.write(`${text}\n`);
const digits = (x: number) => x.toFixed(3);

function mined(contents: readonly string[]): Template[] {
  const miner = new Miner();
  const ids = contents.map((line) => miner.add(line));
  const set = miner.templates();
  return ids.map((id) => set.of(id));
}
const row = (name: string, s: Scored, more = "") =>
  say(`| ${name} | ${MEASURES.map((m) => digits(s[m])).join(" | ")} |${more}`);

/** Every half of the list. */
function halves<T>(list: readonly T[]): T[][] {
  const size = Math.floor(list.length / 2);
  const out: T[][] = [];
  const grow = (from: number, chosen: T[]) => {
    if (chosen.length === size) out.push(chosen);
    else for (let i = from; i < list.length; i++) grow(i + 1, [...chosen, list[i] as T]);
  };
  grow(0, []);
  return out;
}

/** Beside the truth that people would label (see `conventionsOf`), that of the generator: every enumeration is a value. */
function generated(title: string, list: readonly System[]): void {
  const head = MEASURES.join(" | ");
  say(`\n## ${title} (2,000 and 20,000 lines, 2 seeds): as labelled; with all enumerations as values\n`);
  say(`| system | ${head} | ${head} |\n|---|${"---|".repeat(2 * MEASURES.length)}`);
  const all: { labelled: Scored; designed: Scored }[] = [];
  for (const system of list) {
    const runs = [2000, 20_000].flatMap((n) =>
      [1, 2].map((seed) => {
        const lines = generate(system, n, seed);
        const found = mined(lines.map((l) => l.content));
        return {
          labelled: scoreTemplates(
            lines.map((l) => l.labelled),
            found,
          ),
          designed: scoreTemplates(
            lines.map((l) => l.template),
            found,
          ),
        };
      }),
    );
    all.push(meansOf(runs));
    both(system.name, meansOf(runs));
  }
  both("mean", meansOf(all));
}

const meansOf = (list: readonly { labelled: Scored; designed: Scored }[]) => ({
  labelled: meanOf(list.map((x) => x.labelled)),
  designed: meanOf(list.map((x) => x.designed)),
});
const both = (name: string, { labelled, designed }: { labelled: Scored; designed: Scored }) =>
  row(name, labelled, ` ${MEASURES.map((m) => digits(designed[m])).join(" | ")} |`);

async function sessionTable(dir: string, peers: string): Promise<void> {
  for (const name of ["HDFS", "HDFS_100k", "OpenStack"]) {
    const { train, test } = await sessionSet(dir, name);
    const seen = new Set(train.map((s) => s.events.join(" ")));
    const unseen = test.filter((s) => !seen.has(s.events.join(" ")));
    say(
      `\n## Sessions, ${name}\n\n| model | F1 of flags | best F1 | AUC-PR | unseen: F1 of flags | best F1 |\n|---|---|---|---|---|---|`,
    );
    const figures = async (
      title: string,
      kind: SessionModelName,
      from: readonly LabelledSession[],
      labelled: boolean,
    ) => {
      const labels = labelled ? from.map((s) => s.label) : undefined;
      const model = await sessionModels[kind].fit(
        from.map((s) => s.events),
        labels,
      );
      const memo = new Map<string, number>();
      const of = (list: readonly LabelledSession[]) => {
        const scores = list.map(({ events }) => {
          const key = events.join(" ");
          const score = memo.get(key) ?? model.score(events);
          memo.set(key, score);
          return score;
        });
        return rank(
          list.map((s) => s.label),
          scores,
          model.threshold,
        );
      };
      const [all, rest] = [of(test), of(unseen)];
      say(`| ${title} | ${[all.F1, all.bestF1, all.aucPr, rest.F1, rest.bestF1].map(digits).join(" | ")} |`);
    };
    const normal = train.filter((s) => s.label === 0);
    await figures("nearest-counts, normal sessions", "nearest-counts", normal, false);
    if (normal.length < train.length) {
      await figures("nearest-counts, anomalies among them", "nearest-counts", train, false);
      await figures("decision-tree, labelled", "decision-tree", train, true);
      await figures("svm, labelled", "svm", train, true);
    }
    if (values.neural) await figures("next-event, normal sessions", "next-event", normal, false);
    const table = new RegExp(`## Sessions, ${name} \\(test rows\\)\\n\\n[\\s\\S]*?(?=\\n\\n|$)`).exec(peers)?.[0] ?? "";
    say(`\nPeers (P, R, best F1, AUC-PR, best F1 unseen):\n\n${table.split("\n").slice(2, 12).join("\n")}`);
    if (name === "HDFS") {
      const all = [...train, ...test];
      say("\n## Streams without session ids: windows found (p < 0.01), by anomalous sessions in them\n");
      say("| window | anomalous windows learned from | 0 | 1 | 3 | 10 |\n|---|---|---|---|---|---|");
      for (const contaminated of [0, 0.05])
        for (const size of [20, 100]) {
          const found = streamFigures(all, size, [0, 1, 3, 10], { contaminated });
          say(`| ${size} sessions | ${contaminated * 100} % | ${found.map(digits).join(" | ")} |`);
        }
    }
  }
}

const dir = dataDir();
if (dir) {
  const peers = readFileSync(join(dir, "PEERS.md"), "utf8");
  const list = systems(dir).map((s) => ({ name: s.name, scored: scoreTemplates(s.templates, mined(s.contents)) }));
  say(
    "## Templates, development systems, one configuration\n\n| system | GA | FGA | PA | FTA |\n|---|---|---|---|---|",
  );
  for (const { name, scored } of list) row(name, scored);
  const worst = Math.min(...list.map((s) => s.scored.GA));
  say("\n| parser | GA | FGA | PA | FTA | worst GA |\n|---|---|---|---|---|---|");
  row("**faultwright** (streaming, one configuration)", meanOf(list.map((s) => s.scored)), ` ${digits(worst)} |`);
  say(
    peers
      .split("\n")
      .filter((l) => /^\| .* \| 0\.\d+ \| 0\.\d+ \| 0\.\d+ \| 0\.\d+ \| 0\.\d+ \|$/.test(l))
      .slice(0, 10)
      .join("\n"),
  );
  const means = halves(list).map((half) => meanOf(half.map((s) => s.scored)));
  const least = (m: keyof Scored) => digits(Math.min(...means.map((s) => s[m])));
  say(`\nWorst of the ${means.length} halves of the systems: ${MEASURES.map((m) => `${m} ${least(m)}`).join(", ")}.`);
  say("\n## Two to nine plain words at one place: what people made of it\n");
  say("| system | written out | a wildcard |\n|---|---|---|");
  const conventions = systems(dir).map(conventionsOf);
  for (const { system, writtenOut, wildcards } of conventions) say(`| ${system} | ${writtenOut} | ${wildcards} |`);
  const sum = (of: "writtenOut" | "wildcards") => conventions.reduce((total, c) => total + c[of], 0);
  say(`| all | ${sum("writtenOut")} | ${sum("wildcards")} |`);
  await sessionTable(dir, peers);
} else {
  process.stderr.write("the development data is not here: set FAULTWRIGHT_DATA\n");
  if (process.env.CI === "true") process.exitCode = 1;
}
generated("Generated logs, looked at while developing", DEVELOPMENT);
generated("Generated logs, held out at first", HELD_OUT);
generated("Generated logs, second set: enumerations of plain words", SECOND);
generated("Generated logs, third set", THIRD);
say("\n## Log features, generated streams of one service: windows with p < 0.01, p < 0.0001; found (p < 0.0001)\n");
say("| feature | quiet, p < 0.01 | quiet, p < 0.0001 | found |\n|---|---|---|---|");
for (const { what, quiet, found } of quietFigures())
  say(
    `| ${what} | ${quiet[0].toFixed(4)} | ${quiet[1].toFixed(5)} | ${Object.entries(found)
      .map(([name, share]) => `${name} ${share.toFixed(2)}`)
      .join(", ")} |`,
  );
