/** Every error code the pipeline raises: one list, so that docs, dead letters and metrics speak the same words. */
export const ERROR_CODES = {
  CONFIG_INVALID: "the configuration does not fit the schema",
  DECODE_BAD_PROTOBUF: "the payload is not valid protobuf for its signal",
  DECODE_BAD_JSON: "the payload is not valid JSON",
  DECODE_BAD_FIELD: "a field is missing or has the wrong type",
  DECODE_UNKNOWN_FORMAT: "no decoder is registered for this format",
  VALUE_NOT_FINITE: "a value is NaN or infinite",
  TIME_BEFORE_1970: "an event time is before the Unix epoch",
  TIME_IN_FUTURE: "an event time is further ahead of its arrival than is allowed",
  TIME_TOO_LATE: "an event arrived after its window was closed",
  LABEL_TOO_LONG: "an attribute is longer than the limit",
  LIMIT_ATTRIBUTES: "a row has more attributes than the limit",
  LIMIT_SERIES: "the limit on the number of series is reached",
  LIMIT_ENTITIES: "the limit on the number of entities is reached",
  LIMIT_BYTES: "a payload is larger than the limit",
  SOURCE_UNREADABLE: "a source cannot be read",
  KAFKA_UNREACHABLE: "no Kafka broker answers",
  KAFKA_AUTHENTICATION: "Kafka and we do not accept each other's identity",
  KAFKA_NOT_AUTHORISED: "Kafka's access rules refuse this",
  KAFKA_UNKNOWN_TOPIC: "Kafka has no such topic or partition",
  KAFKA_TOPIC_MISMATCH: "a Kafka topic exists with other settings than are needed",
  KAFKA_BAD_BATCH: "a compressed batch cannot be read",
  KAFKA_FAILED: "Kafka refused a request",
  STAGE_FAILED: "a stage can't go on with what it was given: a defect of ours",
  STORE_FAILED: "the store refused a transaction",
  STORE_LOCKED: "another process has this data directory open",
  JOURNAL_CORRUPT: "a journal segment is damaged before its end",
  STATE_MISMATCH: "a stored state was written by another version",
  ACTION_REFUSED: "a safety rule refused an action",
  ACTION_FAILED: "an action failed",
  SINK_FAILED: "a receiver of notifications refused one, or did not answer",
  MODEL_INVALID: "the fault tree model is not valid",
  MODEL_TOO_LARGE: "the fault tree model is larger than the limit",
  MODEL_CORRUPT: "a stored model version is damaged or missing",
  INPUT_INVALID: "an input file does not hold what is needed",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error that says what (`code`), where (`topic/partition@offset`, a path, a config key) and what to do (`hint`). */
export class PipelineError extends Error {
  readonly code: ErrorCode;
  readonly where: string;
  readonly hint: string | undefined;
  readonly retriable: boolean;

  constructor(
    code: ErrorCode,
    where: string,
    options: { detail?: string; hint?: string; retriable?: boolean; cause?: unknown } = {},
  ) {
    const detail = options.detail === undefined ? ERROR_CODES[code] : `${ERROR_CODES[code]}: ${options.detail}`;
    super(`${code} at ${where}: ${detail}${options.hint ? ` (${options.hint})` : ""}`, { cause: options.cause });
    this.name = "PipelineError";
    this.code = code;
    this.where = where;
    this.hint = options.hint;
    this.retriable = options.retriable ?? false;
  }
}
