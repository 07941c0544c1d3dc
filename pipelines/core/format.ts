/** Numbers and times as people read them. */

const trimmed = (v: number): string => {
  const a = Math.abs(v);
  if (a >= 1000) return v.toFixed(0);
  return String(Number(v.toPrecision(3)));
};

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A value with its unit: bytes to MiB, seconds to ms, ratios to %. A missing value is a dash. */
export function formatValue(value: number | null | undefined, unit: string, metric = ""): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const perSecond = unit.endsWith("/s") ? "/s" : "";
  const base = perSecond ? unit.slice(0, -2) : unit;
  if (base === "By") {
    const power = value === 0 ? 0 : Math.min(4, Math.max(0, Math.floor(Math.log2(Math.abs(value)) / 10)));
    return `${trimmed(value / 1024 ** power)} ${BINARY[power]}${perSecond}`;
  }
  if (base === "s" && !perSecond) return formatDuration(value * 1000);
  if (base === "ms" && !perSecond) return formatDuration(value);
  if ((base === "1" || base === "") && /ratio|utili[sz]ation/.test(metric)) return `${trimmed(100 * value)} %`;
  const name = base.replace(/^\{(.*)\}$/, "$1");
  if (name === "1" || name === "") return `${trimmed(value)}${perSecond === "" ? "" : " a second"}`;
  return `${trimmed(value)} ${name}${perSecond === "" ? "" : " a second"}`;
}

/** 950 ms, 12.4 s, 3 min 5 s, 2 h 10 min. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "not yet";
  const a = Math.abs(ms);
  if (a < 1000) return `${trimmed(ms)} ms`;
  if (a < 60_000) return `${trimmed(ms / 1000)} s`;
  // Rounded first: 1 min 59.7 s is 2 min 0 s, not 1 min 60 s.
  const seconds = Math.round(ms / 1000);
  if (Math.abs(seconds) < 3600) return `${Math.trunc(seconds / 60)} min ${Math.abs(seconds % 60)} s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.trunc(minutes / 60)} h ${Math.abs(minutes % 60)} min`;
}

/** 12:03:10, UTC. */
export const formatTime = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? "not yet" : new Date(ms).toISOString().slice(11, 19);
export const formatDate = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
export const percent = (share: number): string => `${Math.round(100 * share)} %`;
export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
/** "a, b and c"; more than three are counted. */
export function list(names: readonly string[]): string {
  const shown = names.slice(0, 3);
  const more = names.length - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${more} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
