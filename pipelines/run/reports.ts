/** Report files of the incidents that a commit has touched. */
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { LogTrail } from "../core/log-trail.ts";
import type { Action, DeadLetter, Incident } from "../core/records.ts";
import type { OutputRecord, Store } from "../core/store.ts";
import { renderReport } from "../report/report.ts";
import { reportFiles } from "../report/sinks/report-files.ts";
import { letterLine } from "./dead-letters.ts";
import { componentLog, whereOf } from "./observe/log.ts";

/** Newest actions that a report looks through. */
const ACTIONS = 200;

export interface Reports {
  /** The report of an incident as it stands now. */
  render(incident: Incident): ReturnType<typeof renderReport>;
  /** Says what was committed and writes the report of each incident in it; a failure is logged: the next one writes again. */
  onCommitted(outputs: readonly OutputRecord[]): Promise<void>;
  /** Files of incidents that are no longer kept. */
  remove(incidentIds: readonly string[]): Promise<void>;
}

export async function incidentReports(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dataDir: string;
  /** The lines and spans of an incident, where the input can be read again. */
  readonly trail?: (incident: Incident) => Promise<LogTrail>;
}): Promise<Reports> {
  const { store, clock, dataDir, trail } = options;
  const log = componentLog(options.log, "outputs");
  const files = await reportFiles({ dir: join(dataDir, "reports") });
  const inputOf = async (incident: Incident) => ({
    incident,
    actions: (await store.latest("actions", { limit: ACTIONS })).map((r) => JSON.parse(r.value) as Action),
    generatedMs: clock.nowMs(),
    dataDir,
  });
  /** A page without it is better than none. */
  const trailOf = async (incident: Incident): Promise<{ trail?: LogTrail }> => {
    if (!trail) return {};
    try {
      return { trail: await trail(incident) };
    } catch (error) {
      log.warn({ err: error, incident: incident.id }, "lines of the incident not read");
      return {};
    }
  };
  /** One at a time, beside the stream: it waits for none of it. */
  let trailing = Promise.resolve();
  const addTrail = (incident: Incident, input: Awaited<ReturnType<typeof inputOf>>) => {
    trailing = trailing.then(async () => {
      const more = await trailOf(incident);
      if (more.trail) await files.write([{ ...input, ...more }]).catch((error) => log.error({ err: error }, "report"));
    });
  };
  const write = async (outputs: readonly OutputRecord[]) => {
    const ids = new Set(outputs.filter((o) => o.topic === "incidents").map((o) => o.key));
    for (const o of outputs) if (o.topic === "actions") ids.add((JSON.parse(o.value) as Action).plan.incidentId);
    for (const key of ids) {
      const [latest] = await store.latest("incidents", { key });
      if (!latest) continue;
      const incident = JSON.parse(latest.value) as Incident;
      const input = await inputOf(incident);
      await files.write([input]);
      if (trail && incident.state === "resolved") addTrail(incident, input);
    }
  };
  return {
    render: async (incident) => renderReport({ ...(await inputOf(incident)), ...(await trailOf(incident)) }),
    remove: (incidentIds) => files.remove(incidentIds),
    async onCommitted(outputs) {
      for (const o of outputs) {
        if (o.topic === "incidents") {
          const i = JSON.parse(o.value) as Incident;
          log.info({ incident: i.id, state: i.state, headline: i.diagnosis?.headline }, "incident");
        } else if (o.topic === "dead-letters")
          log.warn({ where: whereOf(JSON.parse(o.value) as DeadLetter), ...letterLine(o.value) }, "dead letter");
      }
      await write(outputs).catch((error) => log.error({ err: error }, "report not written"));
    },
  };
}
