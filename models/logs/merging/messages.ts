import { WILDCARD } from "../characters.ts";
import { groupBy, type Item, mergeItems } from "./item.ts";

/** A member of a JSON object, or a pair of logfmt, of which the value is masked. */
const JSON_MEMBER = /,?"[^"]{1,64}":(?:"<\*>"|<\*>|\[<\*>\]|\{\})/g;
const JSON_MESSAGE = /"(?:msg|message|event|evt|text|body|log|error|err)":"[^"]*[A-Za-z]{2}[^"]*"/i;

/** JSON templates with the same message and level are one, whatever other members they have. */
export function mergeMessages(items: readonly Item[]): Item[] {
  const out: Item[] = [];
  const json: { item: Item; frame: string }[] = [];
  for (const item of items) {
    const text = item.pieces.join(" ");
    const frame = text.replace(JSON_MEMBER, "").replace(/^\{,/, "{");
    if (text.startsWith('{"') && text.endsWith("}") && JSON_MESSAGE.test(frame)) json.push({ item, frame });
    else out.push(item);
  }
  for (const group of groupBy(json, (x) => x.frame).values()) {
    const list = group.map((x) => x.item);
    out.push(list.length === 1 ? (list[0] as Item) : mergeItems(list, written(list)));
  }
  return out;
}

/** Members that all have stay; `<*>` stands behind what others may follow. */
function written(items: readonly Item[]): string[] {
  const texts = items.map((item) => item.pieces.join(" "));
  const members = texts.map((text) => new Set([...text.matchAll(JSON_MEMBER)].map((m) => m[0].replace(/^,/, ""))));
  const all = new Set(members.flatMap((m) => [...m]));
  const some = new Set([...all].filter((m) => !members.every((set) => set.has(m))));
  const longest = texts.reduce((a, b) => (b.length > a.length ? b : a));
  const text = longest.replace(JSON_MEMBER, (m) => (some.has(m.replace(/^,/, "")) ? WILDCARD : m));
  return text.replace(/(?:<\*>){2,}/g, WILDCARD).split(" ");
}
