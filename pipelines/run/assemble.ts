/** Config to stages: the same ones whether they stream, replay or look back. */
import type { Config } from "../core/config.ts";
import { redactor } from "../core/redact/redactor.ts";
import { SELF_FLOORS } from "../core/self.ts";
import { DEFAULT_SIGNAL_LIMITS } from "../core/signals.ts";
import { describeFor } from "../recover/actions/descriptions.ts";
import { TEMPLATE_SHIFT } from "../windows/log-lines.ts";
import { actStage } from "./act-stage.ts";
import { featuresStage } from "./features-stage.ts";
import { decodersOf } from "./formats.ts";
import { incidentsStage } from "./incidents-stage.ts";

export function assemble(config: Config) {
  const { windows, limits, detect, incidents, recover } = config;
  const features = featuresStage({
    decoders: decodersOf(config),
    windows: { windowMs: windows.window, latenessMs: windows.lateness, forgetMs: windows.forget },
    detect: { ...detect, floors: { ...SELF_FLOORS, [TEMPLATE_SHIFT]: 2, ...detect.floors } },
    redact: redactor(config.redact),
    tableLimits: limits,
    deadLetterBytes: limits.deadLetterBytes,
    signalLimits: { ...DEFAULT_SIGNAL_LIMITS, maxFutureMs: limits.future, maxAttributeChars: limits.attributeChars },
  });
  return {
    features,
    incidents: incidentsStage({
      system: config.system,
      windowMs: windows.window,
      minEvidence: incidents.minEvidence,
      quietMs: incidents.quiet,
      reopenMs: incidents.reopen,
      historyWindows: incidents.historyWindows,
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
