import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { openssl } from '@kios/testkit/control-plane';

export interface Dates {
  readonly from: Date;
  readonly to: Date;
}

const format = (date: Date): string =>
  `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;

/**
 * Writes `NAME.crt` and `NAME.key` of a server at 127.0.0.1, signed by `CA.key`, that is valid between two dates. Of
 * openssl's programs only `ca` takes dates.
 */
export function makeDatedLeaf(dir: string, name: string, ca: string, { from, to }: Dates): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
  openssl(dir, 'req', '-new', ...key, ...request);
  const config = [
    '[ca]',
    'default_ca = own',
    '[own]',
    `database = ${name}.db`,
    'new_certs_dir = .',
    'rand_serial = yes',
    'default_md = sha256',
    'policy = any',
    'x509_extensions = leaf',
    '[any]',
    'commonName = supplied',
    '[leaf]',
    'subjectAltName = IP:127.0.0.1',
    'extendedKeyUsage = serverAuth',
  ];
  writeFileSync(path.join(dir, `${name}.cnf`), `${config.join('\n')}\n`);
  writeFileSync(path.join(dir, `${name}.db`), '');
  const files = ['-config', `${name}.cnf`, '-in', `${name}.csr`, '-out', `${name}.crt`];
  const signer = ['-cert', `${ca}.crt`, '-keyfile', `${ca}.key`, '-batch', '-notext'];
  const dates = ['-startdate', format(from), '-enddate', format(to)];
  openssl(dir, 'ca', ...files, ...signer, ...dates);
}
