import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { extract, fetchDebian } from '../../../src/build/sources/debian/archive.ts';
import { LOADER, triplet } from '../../../src/build/sources/debian/toolroot.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';
import type { TestRegistry } from './registries.ts';

const PACKAGES = [
  'skopeo',
  'libc6',
  'libgpgme11t64',
  'libassuan9',
  'libgpg-error0',
  'libsqlite3-0',
];

/** Pulls an image into a folder with skopeo, which checks its signatures as podman does. Returns what it says. */
export type VerifiedPull = (reference: string, publicKey: string | Buffer) => Promise<string>;

/** Fetches skopeo of Debian. Its settings and what it pulls lie in `dir`. */
export async function openSkopeo(dir: string, registry: TestRegistry): Promise<VerifiedPull> {
  const arch = workstationArch();
  const root = await extract(await fetchDebian({ arch, packages: PACKAGES, progress: silent }));
  const libraries = path.join(root, 'usr/lib', triplet(arch));
  const loader = path.join(libraries, LOADER[arch]);
  const program = ['--library-path', libraries, path.join(root, 'usr/bin/skopeo')];
  const registries = path.join(dir, 'registries.d');
  await mkdir(registries, { recursive: true });
  const docker = { [registry.host]: { 'use-sigstore-attachments': true } };
  await writeFile(path.join(registries, 'test.yaml'), JSON.stringify({ docker }));
  let pulls = 0;
  return async (reference, publicKey) => {
    pulls += 1;
    const policy = path.join(dir, `policy-${pulls}.json`);
    const signed = {
      type: 'sigstoreSigned',
      keyData: Buffer.from(publicKey).toString('base64'),
      signedIdentity: { type: 'matchRepository' },
    };
    const transports = { docker: { [registry.host]: [signed] } };
    await writeFile(policy, JSON.stringify({ default: [{ type: 'reject' }], transports }));
    const settings = ['--policy', policy, '--registries.d', registries, '--tmpdir', dir];
    // Skopeo takes a digest or a tag, not both.
    const source = `docker://${reference.replace(/:[^:/@]+@/, '@')}`;
    return run(
      loader,
      [
        ...program,
        ...settings,
        'copy',
        '--all',
        '--remove-signatures',
        source,
        `dir:${dir}/${pulls}`,
      ],
      { env: { SSL_CERT_FILE: registry.ca?.file ?? '', REGISTRY_AUTH_FILE: `${dir}/config.json` } },
    );
  };
}
