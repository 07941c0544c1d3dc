import { PipelineError } from "../../core/errors.ts";
import { call, POLICIES } from "../../tolerance/policies.ts";
import type { Outgoing, Sink } from "./sink.ts";

export interface EmailOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: "always" | "starttls" | "never";
  readonly user?: string;
  readonly password?: string;
  /** Of one try. */
  readonly timeoutMs?: number;
  readonly from: string;
  readonly to: readonly string[];
}

const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, " ").slice(0, 300);

/**
 * Mail by SMTP, one connection each. The Message-ID is the same in all tries, and the mails of an incident refer to its
 * first: a mailbox shows them as one thread. Plain text: nothing in a name can become markup.
 * @throws PipelineError SINK_FAILED, retriable unless the server said 5xx (RFC 5321, 4.2.1)
 */
export async function email(options: EmailOptions): Promise<Sink<Outgoing>> {
  const { host, port, tls, user, password, from, to, timeoutMs = POLICIES.page.timeoutMs } = options;
  const destination = `smtp://${host}:${port}`;
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    ...{ host, port, secure: tls === "always", requireTLS: tls === "starttls", ignoreTLS: tls === "never" },
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
    // No file and no address is ever read on behalf of a text.
    ...{ disableFileAccess: true, disableUrlAccess: true },
    ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
  });
  const domain = from.slice(from.lastIndexOf("@") + 1);
  const idOf = (key: string) => `<${key.replace(/[^A-Za-z0-9._-]+/g, ".")}@${domain}>`;
  return {
    name: "email",
    async write(batch, signal) {
      for (const { notification: n, key, repeated, url } of batch) {
        const first = idOf(`${key.slice(0, key.lastIndexOf("/"))}/1`);
        const lines = [n.summary, n.detail, url ?? "", repeated ? "(this may be a repeat)" : ""];
        const mail = {
          ...{ from, to: [...to], subject: oneLine(n.summary), messageId: idOf(key) },
          ...(n.number > 1 ? { references: first, inReplyTo: first } : {}),
          text: `${lines.filter((l) => l !== "").join("\n\n")}\n`,
          headers: { "Auto-Submitted": "auto-generated" },
        };
        await call({ policy: "page", destination, code: "SINK_FAILED", timeoutMs, signal }, async () => {
          try {
            await transport.sendMail(mail);
          } catch (error) {
            const { responseCode = 0, message } = error as { responseCode?: number; message: string };
            throw new PipelineError("SINK_FAILED", destination, {
              detail: message.slice(0, 300),
              retriable: responseCode < 500,
              cause: error,
            });
          }
        });
      }
    },
    async close() {
      transport.close();
    },
  };
}
