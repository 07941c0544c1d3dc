/** Keys and certificates of a made-up authority, by openssl: for TLS in tests. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificates {
  readonly ca: string;
  /** Key and certificate in one file, as Kafka reads them; for 127.0.0.1 and localhost. */
  readonly server: string;
  /** Of `CN=faultwright`. */
  readonly clientCert: string;
  readonly clientKey: string;
}

/** Writes PEM files into `dir` and gives their paths; the client's key is encrypted. */
export function makeCertificates(dir: string, keyPassword: string): Certificates {
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => void execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=test authority");
  const sign = (name: string, subject: string, extension: string) => {
    writeFileSync(at(`${name}.ext`), extension);
    openssl("req", "-new", ...key, "-keyout", at(`${name}.key`), "-out", at(`${name}.csr`), "-subj", subject);
    const ca = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2"];
    openssl("x509", "-req", "-in", at(`${name}.csr`), ...ca, "-extfile", at(`${name}.ext`), "-out", at(`${name}.pem`));
  };
  sign("server", "/CN=broker", "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  sign("client", "/CN=faultwright", "extendedKeyUsage=clientAuth\n");
  writeFileSync(at("broker.pem"), readFileSync(at("server.key"), "utf8") + readFileSync(at("server.pem"), "utf8"));
  const locked = at("client-locked.key");
  openssl("pkcs8", "-topk8", "-in", at("client.key"), "-out", locked, "-passout", `pass:${keyPassword}`);
  return { ca: at("ca.pem"), server: at("broker.pem"), clientCert: at("client.pem"), clientKey: locked };
}
