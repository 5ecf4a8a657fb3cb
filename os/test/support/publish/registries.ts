import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { freePort, RunningProcess } from '@kios/testkit';

import { buildUpstream } from '../../../src/build/sources/upstream/build.ts';
import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { issueAuthority, issueLeaf } from '../../../src/lab/controlplane/certificates.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';

export const USER = 'publisher';
export const PASSWORD = 'correct horse';
/** bcrypt of `PASSWORD`, which distribution asks for. */
const HTPASSWD = `${USER}:$2a$04$zZ90NaZ0OXIqxAaE4ylMjuxwHxePCPFYWiPt7ZMPJni9NTMb229jq\n`;

/** A registry on loopback with nothing in it. */
export interface TestRegistry extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  /** Its address with the scheme. */
  readonly url: string;
  /** Certificate of its authority, where it has one. */
  readonly ca?: { readonly file: string; readonly pem: string };
  /** Its lines of output. */
  readonly lines: readonly string[];
}

/**
 * Starts distribution, the reference registry: TLS, passwords, and no API for referrers. Its certificate holds for
 * further addresses at which others see the loopback.
 */
export async function startDistribution(
  dir: string,
  seenAt: readonly string[] = [],
): Promise<TestRegistry> {
  const built = await buildUpstream(['registry'], workstationArch(), silent);
  const authority = await issueAuthority('test authority');
  const leaf = await issueLeaf(authority, {
    commonName: 'registry',
    usage: 'server',
    dnsNames: ['localhost'],
    ips: ['127.0.0.1', ...seenAt],
  });
  await mkdir(dir, { recursive: true });
  const at = (name: string): string => path.join(dir, name);
  const host = `127.0.0.1:${await freePort()}`;
  await writeFile(at('ca.pem'), authority.certificate);
  await writeFile(at('tls.pem'), leaf.certificate);
  await writeFile(at('tls.key'), leaf.key, { mode: 0o600 });
  await writeFile(at('htpasswd'), HTPASSWD);
  const configuration = {
    version: 0.1,
    log: { accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: at('data') } },
    auth: { htpasswd: { realm: 'test', path: at('htpasswd') } },
    http: { addr: host, tls: { certificate: at('tls.pem'), key: at('tls.key') } },
  };
  await writeFile(at('config.yml'), JSON.stringify(configuration));
  const program = new RunningProcess(built.get('registry')!.path, ['serve', at('config.yml')]);
  await program.expect('listening on');
  return {
    host,
    url: `https://${host}`,
    ca: { file: at('ca.pem'), pem: authority.certificate },
    lines: program.lines,
    [Symbol.asyncDispose]: async () => void (await program.stop('SIGKILL')),
  };
}

/** Starts go-containerregistry's registry, which has the API for referrers. It serves loopback without TLS. */
export async function startReferrersRegistry(dir: string): Promise<TestRegistry> {
  await mkdir(dir, { recursive: true });
  const program = path.join(dir, 'referrers-registry');
  const cwd = path.join(import.meta.dirname, 'referrers-registry');
  await run(await ensureGo(silent), ['build', '-o', program, '.'], { cwd });
  const disk = path.join(dir, 'blobs');
  await mkdir(disk);
  const running = new RunningProcess(program, ['-disk', disk]);
  const line = await running.expect('listening on 127.0.0.1:');
  // oras speaks plain HTTP to this name only.
  const host = line.replace('listening on 127.0.0.1', 'localhost');
  return {
    host,
    url: `http://${host}`,
    lines: running.lines,
    [Symbol.asyncDispose]: async () => void (await running.stop('SIGKILL')),
  };
}
