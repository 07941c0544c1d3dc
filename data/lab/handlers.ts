import { createHash, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import type { Context } from "@opentelemetry/api";
import type { Call } from "./client.ts";
import type { TableLock } from "./defects.ts";
import type { Storage } from "./storage.ts";
import { NEXT_RELEASE, type ServiceName } from "./topology.ts";

const derive = promisify(pbkdf2);

export interface Order {
  sku: number;
  quantity: number;
  amountCents: number;
  coupon?: { code: string; percent: number };
}

export interface HandlerParts {
  release: string;
  call: Call;
  lock: TableLock;
  /** Only the store has one. */
  storage: Storage | undefined;
  countWrite: () => void;
}

export interface HandlerRequest {
  query: URLSearchParams;
  body: unknown;
  context: Context;
}

/** Resolves to the JSON answer (status 200); throws on failure. */
export type Handler = (request: HandlerRequest) => Promise<unknown>;

interface Item {
  sku: number;
  title: string;
  stock: number;
  dimensions?: { widthMm: number };
}

/** The three passes of a request through a table: index, row, commit. */
async function passTable(lock: TableLock): Promise<void> {
  await lock.enter();
  await lock.enter();
  await lock.enter();
}

function gateway({ call }: HandlerParts): Record<string, Handler> {
  return {
    "POST /orders": ({ body, context }) => call("orders", "POST", "/orders", body, context),
    "GET /catalog": ({ query, context }) =>
      call("inventory", "GET", `/items?page=${query.get("page") ?? "0"}`, undefined, context),
  };
}

function orders({ release, call }: HandlerParts): Record<string, Handler> {
  let sequence = 0;
  return {
    "POST /orders": async ({ body, context }) => {
      const order = body as Order;
      // 1.1.0 prints the coupon on the order; it forgot that a coupon is optional.
      const label = release === NEXT_RELEASE ? order.coupon!.code.toLowerCase() : "";
      const id = createHash("sha256").update(`${process.pid}-${sequence++}-${order.sku}-${label}`).digest("hex");
      await call("inventory", "POST", "/reserve", { sku: order.sku, quantity: order.quantity }, context);
      const receipt = await call("payment", "POST", "/charge", { id, ...order }, context);
      await call("store", "POST", "/records", { id, order, receipt }, context);
      return { id };
    },
  };
}

function inventory({ release, lock }: HandlerParts): Record<string, Handler> {
  const items: Item[] = Array.from({ length: 1000 }, (_, sku) => ({
    sku,
    title: `Item ${createHash("md5").update(String(sku)).digest("hex")}`,
    stock: 1_000_000,
    // Only items of the new catalogue have been measured.
    ...(Math.floor(sku / 50) % 2 === 0 ? { dimensions: { widthMm: 10 + (sku % 90) } } : {}),
  }));
  // 1.1.0 sorts and checks by size; it forgot the items that were never measured.
  const width = (item: Item) => (release === NEXT_RELEASE ? item.dimensions!.widthMm : item.sku);
  return {
    "POST /reserve": async ({ body }) => {
      const { sku, quantity } = body as { sku: number; quantity: number };
      const item = items[sku];
      if (!item || width(item) < 0) throw new Error(`unknown item ${sku}`);
      await passTable(lock);
      item.stock -= quantity;
      return { sku, stock: item.stock };
    },
    "GET /items": async ({ query }) => {
      const page = Number(query.get("page")) % 20 || 0;
      const selected = items.slice(page * 50, page * 50 + 50).sort((a, b) => width(a) - width(b));
      await passTable(lock);
      return { page, etag: createHash("sha1").update(JSON.stringify(selected)).digest("hex"), items: selected };
    },
  };
}

function payment({ release, lock }: HandlerParts): Record<string, Handler> {
  return {
    "POST /charge": async ({ body }) => {
      const charge = body as Order & { id: string };
      // 1.1.0 grants the coupon's discount; it forgot that a coupon is optional.
      const percent = release === NEXT_RELEASE ? charge.coupon!.percent : 0;
      await passTable(lock);
      const cents = Math.round(charge.amountCents * (1 - percent / 100));
      const signature = await derive(`${charge.id}:${cents}`, "lab", 1500, 32, "sha256");
      return { cents, signature: signature.toString("hex") };
    },
  };
}

function store({ lock, storage, countWrite }: HandlerParts): Record<string, Handler> {
  return {
    "POST /records": async ({ body }) => {
      await passTable(lock);
      await storage!.append(JSON.stringify(body));
      countWrite();
      return { stored: true };
    },
  };
}

const FACTORIES = { gateway, orders, inventory, payment, store };

/** Handlers of one service by "METHOD /path". */
export function createHandlers(name: ServiceName, parts: HandlerParts): Record<string, Handler> {
  return FACTORIES[name](parts);
}
