/** Windows that fit how often data were sampled. */
import type { Config } from "../../core/config.ts";
import type { InputFile } from "./inputs.ts";

const NICE_MS = [10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400].map(
  (s) => s * 1000,
);
const QUIET_WINDOWS = 6;
const REOPEN_WINDOWS = 30;
const FORGET_WINDOWS = 60;

/**
 * The config as it is where the data are at least as dense as its windows. Where they are coarser, a window is as long as
 * the slowest file's middle step: with shorter ones most windows of a series would be empty, and evidence, which fades
 * from window to window, would never add up. All that is counted in windows grows with it.
 */
export function pacedConfig(config: Config, files: readonly Pick<InputFile, "stepMs">[]): Config {
  const slowest = files.reduce((m, f) => Math.max(m, f.stepMs ?? 0), 0);
  if (slowest <= config.windows.window) return config;
  // Scrapes jitter: a step of 10.2 s is one of 10.
  const window = NICE_MS.find((w) => w >= slowest * 0.95) ?? slowest;
  if (window <= config.windows.window) return config;
  const { windows, incidents } = config;
  return {
    ...config,
    windows: {
      window,
      lateness: Math.max(windows.lateness, window),
      forget: Math.max(windows.forget, FORGET_WINDOWS * window),
    },
    incidents: {
      ...incidents,
      quiet: Math.max(incidents.quiet, QUIET_WINDOWS * window),
      reopen: Math.max(incidents.reopen, REOPEN_WINDOWS * window),
    },
  };
}
