/** Names whose values are secret, as they end when case and separators are taken out. */
const ENDINGS = [
  "password",
  "passwd",
  "passphrase",
  "passcode",
  "secret",
  "secretkey",
  "token",
  "apikey",
  "accesskey",
  "accesskeyid",
  "privatekey",
  "signingkey",
  "encryptionkey",
  "authorization",
  "credential",
  "credentials",
  "cookie",
  "cardnumber",
  "creditcard",
];
const WHOLE = ["pwd", "pass", "auth", "ssn", "cvv", "cvc", "jwt", "otp", "iban", "dbpwd", "dbpass", "userpass"];
/** Cursors of paging and the like, which end as secrets do. */
const HARMLESS = /(?:next|page|continuation|cancel|cancellation|sync|unexpected|invalid)token$/;

const SEPARATORS = /[_.\- ]/g;
export const LONGEST_NAME = 64;
const MOST_CACHED = 10_000;

const plain = (name: string): string => name.toLowerCase().replace(SEPARATORS, "");

/** Tells names of secrets (`db.password`, `X-Api-Key`, `accessToken`) from others; `extra` names are matched whole. Bounded cache. */
export function secretNames(extra: readonly string[] = []): (name: string) => boolean {
  const whole = new Set([...WHOLE, ...extra.map(plain)]);
  const known = new Map<string, boolean>();
  return (name) => {
    if (name.length > LONGEST_NAME) return false;
    const before = known.get(name);
    if (before !== undefined) return before;
    const bare = plain(name);
    const secret = whole.has(bare) || (ENDINGS.some((e) => bare.endsWith(e)) && !HARMLESS.test(bare));
    if (known.size >= MOST_CACHED) known.clear();
    known.set(name, secret);
    return secret;
  };
}
