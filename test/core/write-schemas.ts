/** Writes the schemas of the output records and of the post-mortem to docs/schemas: `npm run schemas`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { POSTMORTEM_SCHEMA_FILE, postmortemJsonSchema } from "../../pipelines/core/schemas/postmortem.ts";
import { recordJsonSchema, recordSchemas, schemaFile } from "../../pipelines/core/schemas/records.ts";

const write = (file: string, schema: unknown) =>
  writeFileSync(join(import.meta.dirname, "../../docs/schemas", file), `${JSON.stringify(schema, null, 2)}\n`);

for (const topic of Object.keys(recordSchemas) as (keyof typeof recordSchemas)[])
  write(schemaFile(topic), recordJsonSchema(topic));
write(POSTMORTEM_SCHEMA_FILE, postmortemJsonSchema());
