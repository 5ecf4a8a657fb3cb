import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { startChronyd } from './chronyd.ts';
import type { Netns } from './netns.ts';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const DAY_MS = 24 * 3600_000;
/** chronyd decides after four replies, two seconds apart. A busy machine takes much longer. */
const SELECTED_MS = 90_000;

/** What `openssl ca` needs; with `req -x509` certificates cannot begin or end in the past. */
const settings = (name: string): string => `[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
x509_extensions = extensions
unique_subject = no
[policy]
commonName = supplied
[extensions]
subjectAltName = ${name}
extendedKeyUsage = serverAuth
`;

/** The files (PEM) that a server proves itself by. */
interface Proof {
  readonly key: string;
  readonly certificate: string;
}

/** A test's own certificate authority. */
export class Authority {
  /** The file of its certificate (PEM). */
  readonly certificate: string;
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.certificate = path.join(dir, 'ca.crt');
  }

  static async create(netns: Netns): Promise<Authority> {
    const dir = await mkdtemp(path.join(netns.folder, 'authority-'));
    const out = ['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test', '-days', '10'];
    await run('openssl', ['req', '-x509', ...KEY, ...out], { cwd: dir });
    await writeFile(path.join(dir, 'index.txt'), '');
    await writeFile(path.join(dir, 'serial'), '01\n');
    return new Authority(dir);
  }

  /**
   * Writes a server's key and certificate, valid for a day from so many days after now. `name` is as openssl writes it:
   * `IP:192.0.2.1` or `DNS:time.test`.
   */
  async issue(name: string, days = 0): Promise<Proof> {
    const options = { cwd: this.#dir };
    const request = ['-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=server'];
    await run('openssl', ['req', '-new', ...KEY, ...request], options);
    await writeFile(path.join(this.#dir, 'ca.conf'), settings(name));
    const from = Date.now() + days * DAY_MS - 3600_000;
    const dates = ['-startdate', formatDate(from), '-enddate', formatDate(from + DAY_MS)];
    const signer = ['-config', 'ca.conf', '-cert', 'ca.crt', '-keyfile', 'ca.key'];
    const files = ['-in', 'leaf.csr', '-out', 'leaf.crt'];
    await run('openssl', ['ca', '-batch', '-notext', ...signer, ...dates, ...files], options);
    return {
      key: path.join(this.#dir, 'leaf.key'),
      certificate: path.join(this.#dir, 'leaf.crt'),
    };
  }
}

/** YYYYMMDDHHMMSSZ */
const formatDate = (ms: number): string =>
  `${new Date(ms).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`;

export interface NtsServing extends Proof {
  readonly address: string;
  /** A server of plain NTP, whose time it passes on. Without it, it has the workstation's. */
  readonly follows?: string;
}

/** Starts a real chronyd that serves NTS (RFC 8915) to everybody, at an address of the namespace. */
export async function startNtsServer(
  netns: Netns,
  { key, certificate, address, follows }: NtsServing,
): Promise<void> {
  const chronyd = await startChronyd(netns, [
    follows === undefined ? 'local stratum 8' : `server ${follows} iburst minpoll 0 maxpoll 0`,
    `bindaddress ${address}`,
    'allow all',
    `ntsserverkey ${key}`,
    `ntsservercert ${certificate}`,
  ]);
  if (follows !== undefined) await chronyd.expect(`Selected source ${follows}`, SELECTED_MS);
}
