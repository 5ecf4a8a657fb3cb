import { execFileSync } from 'node:child_process';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export function openssl(dir: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
}

/** Writes `NAME.crt` and `NAME.key` of a new authority. */
export function makeCa(dir: string, name: string): void {
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  openssl(dir, 'req', '-x509', ...KEY, ...out, '-subj', `/CN=${name}`, '-days', '10');
}

interface LeafOptions {
  readonly subject: string;
  readonly usage: 'clientAuth' | 'serverAuth';
  /** Names and addresses, as openssl writes them. */
  readonly san?: string;
}

/** Writes `NAME.crt` and `NAME.key`, signed by `CA.key`. */
export function makeLeaf(dir: string, name: string, ca: string, options: LeafOptions): void {
  const { subject, usage, san } = options;
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', subject];
  const issuer = ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-days', '10'];
  const alternatives = san === undefined ? [] : ['-addext', `subjectAltName=${san}`];
  const use = ['-addext', `extendedKeyUsage=${usage}`, '-addext', 'basicConstraints=CA:FALSE'];
  openssl(dir, 'req', '-x509', ...KEY, ...out, ...alternatives, ...use, ...issuer);
}
