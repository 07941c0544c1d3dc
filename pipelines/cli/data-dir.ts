/** The option of every command that looks at a pipeline's data. */
export const dataDirOption = ["--data-dir <dir>", "data directory of the pipeline", ".faultwright"] as const;
