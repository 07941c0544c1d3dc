/** Config to stages: the same ones whether they stream, replay or look back. */
import { calendars } from "../core/calendar.ts";
import type { Config } from "../core/config.ts";
import { redactor } from "../core/redact/redactor.ts";
import { SELF_FLOORS } from "../core/self.ts";
import { DEFAULT_SIGNAL_LIMITS } from "../core/signals.ts";
import { describeFor } from "../recover/actions/descriptions.ts";
import { PARAMETER_SHIFT, TEMPLATE_SHIFT } from "../windows/log-lines.ts";
import { actStage } from "./act-stage.ts";
import { type FeaturesOptions, featuresStage } from "./features-stage.ts";
import { decodersOf } from "./formats.ts";
import { incidentsStage } from "./incidents-stage.ts";
import { registryLibrary } from "./models/library.ts";
import { registryDir } from "./models/registry-stages.ts";

function modelsOf(config: Config): FeaturesOptions["models"] {
  const { use, entities, summary } = config.detect.models;
  const library = registryLibrary(registryDir(config));
  return { use, library, mostEntities: entities, summaryWindows: summary };
}

/**
 * Anomalies that a task may open a week without a fault: of series with heavy tails one in fifty lasts as long as an
 * incident takes, and there have to be enough to choose from, and to learn the rate of.
 */
function anomaliesPerWeek({ falseIncidentsPerWeek, runtime }: Config): number {
  const tasks = runtime.kind === "kafka" ? (runtime.partitions ?? 1) : 1;
  return (100 * Math.max(1, falseIncidentsPerWeek)) / tasks;
}

/** What detection and correlation are told, from the config. */
export function stageOptions(config: Config) {
  const { windows, detect, incidents } = config;
  return {
    detect: {
      ...detect,
      floors: { ...SELF_FLOORS, [TEMPLATE_SHIFT]: 2, [PARAMETER_SHIFT]: 2, ...detect.floors },
      anomaliesPerWeek: anomaliesPerWeek(config),
    },
    correlate: {
      system: config.system,
      windowMs: windows.window,
      minEvidence: incidents.minEvidence,
      quietMs: incidents.quiet,
      reopenMs: incidents.reopen,
      falseIncidentsPerWeek: config.falseIncidentsPerWeek,
    },
  };
}

export function assemble(config: Config) {
  const { windows, limits, incidents, recover } = config;
  const { detect, correlate } = stageOptions(config);
  const features = featuresStage({
    decoders: decodersOf(config),
    windows: { windowMs: windows.window, latenessMs: windows.lateness, forgetMs: windows.forget },
    detect,
    calendars: calendars(config.calendars),
    ...(detect.models.use.length > 0 ? { models: modelsOf(config) } : {}),
    redact: redactor(config.redact),
    tableLimits: limits,
    deadLetterBytes: limits.deadLetterBytes,
    signalLimits: { ...DEFAULT_SIGNAL_LIMITS, maxFutureMs: limits.future, maxAttributeChars: limits.attributeChars },
  });
  return {
    features,
    incidents: incidentsStage({
      ...correlate,
      historyWindows: incidents.historyWindows,
      topology: incidents.topology,
      flood: { incidents: incidents.flood.incidents, perMs: incidents.flood.per },
      calendars: calendars(config.calendars),
      tableLimits: limits,
    }),
    act: actStage({
      targets: recover.targets,
      policy: recover.policy,
      ladder: recover.ladder,
      autoApprove: recover.autoApprove,
      describe: (kind, name) => {
        const target = recover.targets.find((t) => t.name === name);
        return target && describeFor(kind, name, target.use);
      },
      approvalMs: recover.approval,
      verifyMs: recover.verify,
      limits: {
        cooldownMs: recover.cooldown,
        maxPerHour: recover.perHour,
        perAction: Object.fromEntries(
          Object.entries(recover.limits).map(([kind, { cooldown, perHour }]) => [
            kind,
            {
              ...(cooldown === undefined ? {} : { cooldownMs: cooldown }),
              ...(perHour === undefined ? {} : { maxPerHour: perHour }),
            },
          ]),
        ),
      },
    }),
  };
}
