import { type RequestOptions, request } from "node:http";
import { SaxesParser } from "saxes";
import { PipelineError } from "../../../core/errors.ts";

/** What XML-RPC can say. Times and binaries come as text. */
export type XmlRpcValue = string | number | boolean | null | XmlRpcValue[] | { [name: string]: XmlRpcValue };

export interface XmlRpcServer {
  /** Path of a Unix socket, or host and port. */
  readonly at: { readonly socket: string } | { readonly host: string; readonly port: number };
  readonly path?: string;
  /** `user:password` */
  readonly auth?: string | undefined;
}

const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 32;

/**
 * One call. Arguments are strings, numbers and booleans; strings are escaped, so no name is ever more than a value.
 * @throws PipelineError ACTION_FAILED for a fault (`fault <code>: <text>`), no answer in time, or one that is none
 * @see XML-RPC specification, Winer 1999
 */
export async function xmlRpc(
  server: XmlRpcServer,
  method: string,
  args: readonly (string | number | boolean)[],
  { timeoutMs = 5000, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<XmlRpcValue> {
  const where = `xml-rpc ${method}`;
  const limit = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  const body = Buffer.from(
    `<?xml version="1.0"?><methodCall><methodName>${escaped(method)}</methodName><params>${args
      .map((a) => `<param><value>${valueText(a)}</value></param>`)
      .join("")}</params></methodCall>`,
  );
  const text = await post(server, body, limit).catch((cause: Error) => {
    throw new PipelineError("ACTION_FAILED", where, { detail: cause.message, cause });
  });
  const answer = parseXmlRpc(text, where);
  if (answer.fault === undefined) return answer.value;
  throw new PipelineError("ACTION_FAILED", where, { detail: `fault ${answer.fault.code}: ${answer.fault.text}` });
}

const ENTITIES: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;" };
/** What XML 1.0 cannot hold at all is left out: a name with it fits nothing. */
const escaped = (text: string) =>
  text.replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, "").replace(/[<>&]/g, (c) => ENTITIES[c] as string);
const valueText = (value: string | number | boolean) =>
  typeof value === "boolean"
    ? `<boolean>${value ? 1 : 0}</boolean>`
    : typeof value === "number"
      ? `<int>${Math.trunc(value)}</int>`
      : `<string>${escaped(value)}</string>`;

function post(server: XmlRpcServer, body: Buffer, signal: AbortSignal): Promise<string> {
  const { at, path = "/RPC2", auth } = server;
  const to: RequestOptions = "socket" in at ? { socketPath: at.socket } : { host: at.host, port: at.port };
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "text/xml", "content-length": body.length };
    const asked = request({ ...to, path, method: "POST", headers, signal, ...(auth ? { auth } : {}) }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.length;
        if (size > MAX_BYTES) asked.destroy(new Error(`the answer is longer than ${MAX_BYTES} bytes`));
        else parts.push(part);
      });
      response.on("end", () => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        else resolve(Buffer.concat(parts).toString("utf8"));
      });
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** @throws PipelineError ACTION_FAILED for what is no answer */
export function parseXmlRpc(
  text: string,
  where: string,
): { value: XmlRpcValue; fault?: { code: number; text: string } } {
  const failed = (detail: string) => new PipelineError("ACTION_FAILED", where, { detail });
  type Frame = {
    tag: string;
    text: string;
    value: XmlRpcValue | undefined;
    members: Map<string, XmlRpcValue>;
    items: XmlRpcValue[];
    name: string;
  };
  const frame = (tag: string): Frame => ({ tag, text: "", value: undefined, members: new Map(), items: [], name: "" });
  const stack: Frame[] = [frame("")];
  let fault = false;
  let answered = false;
  const parser = new SaxesParser();
  parser.on("error", (e) => {
    throw failed(`no XML: ${e.message.slice(0, 120)}`);
  });
  parser.on("opentag", ({ name }) => {
    if (stack.length > MAX_DEPTH * 4) throw failed("nested too deeply");
    if (name === "methodResponse") answered = true;
    if (name === "fault") fault = true;
    stack.push(frame(name));
  });
  const add = (part: string) => {
    (stack.at(-1) as Frame).text += part;
  };
  parser.on("text", add);
  parser.on("cdata", add);
  parser.on("closetag", () => {
    const own = stack.pop() as Frame;
    const up = stack.at(-1) as Frame;
    switch (own.tag) {
      case "int":
      case "i4":
      case "i8":
      case "double":
        up.value = Number(own.text.trim());
        break;
      case "boolean":
        up.value = own.text.trim() === "1";
        break;
      case "nil":
        up.value = null;
        break;
      case "string":
      case "dateTime.iso8601":
      case "base64":
        up.value = own.text;
        break;
      case "struct":
        up.value = Object.assign(
          Object.create(null) as { [name: string]: XmlRpcValue },
          Object.fromEntries(own.members),
        );
        break;
      case "member":
        up.members.set(own.name, own.value ?? null);
        break;
      case "name":
        up.name = own.text;
        break;
      case "data":
        up.items = own.items;
        break;
      case "array":
        up.value = own.items;
        break;
      case "value": {
        // Without a type it is a string.
        const value = own.value === undefined ? own.text : own.value;
        up.items.push(value);
        up.value = value;
        break;
      }
      default:
        up.value = own.value;
    }
  });
  parser.write(text).close();
  if (!answered) throw failed("no answer of XML-RPC");
  const value = stack[0]?.value ?? null;
  if (!fault) return { value };
  const { faultCode, faultString } = (value ?? {}) as { faultCode?: XmlRpcValue; faultString?: XmlRpcValue };
  return { value, fault: { code: Number(faultCode), text: String(faultString).slice(0, 200) } };
}
