/** Secrets by the name of what holds them. Errors tell the name, never the content. */
import { readFileSync } from "node:fs";
import { PipelineError } from "../../../core/errors.ts";

/** Of the environment variable or else the file; `path` is where the config names them, without `Env` or `File`. */
export const secretOf = (env: string | undefined, file: string | undefined, path: string): string =>
  env === undefined ? fileOf(file ?? "", `${path}File`).trim() : envOf(env, `${path}Env`);

/** @throws PipelineError CONFIG_INVALID */
export function envOf(name: string, path: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new PipelineError("CONFIG_INVALID", path, { detail: `the environment variable ${name} is not set` });
}

/** @throws PipelineError CONFIG_INVALID */
export function fileOf(name: string, path: string): string {
  try {
    return readFileSync(name, "utf8");
  } catch (error) {
    throw new PipelineError("CONFIG_INVALID", path, { detail: (error as Error).message });
  }
}
