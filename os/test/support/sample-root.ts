import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Tree } from '../../src/build/formats/tree.ts';
import { makeRoot } from '../../src/build/image/root.ts';
import { imageName } from '../../src/build/shipped.ts';
import { origin } from './trees.ts';

export const PAUSE = `${imageName('pause')}@sha256:${'0'.repeat(64)}`;

/** Makes a root without modules, programs and images. */
export async function sampleRoot(): Promise<Tree> {
  const modules = await mkdtemp(path.join(tmpdir(), 'kios-root-'));
  const root = await makeRoot({
    arch: 'amd64',
    time: 1_800_000_000,
    kernel: {
      version: '6.12.0',
      image: '/none',
      modules,
      allModules: modules,
      early: { table: '', beforeRoot: [] },
      requests: '',
      network: '',
      origin,
    },
    programs: new Map(),
    certificates: { bytes: new Uint8Array(), origin },
    store: new Tree(),
    manifests: new Map([['dhcp.yaml', '']]),
    references: new Map([[imageName('pause'), PAUSE]]),
    preloaded: [],
    modulesSha256: '1'.repeat(64),
    dataImage: Buffer.from('kiosimg1'),
  });
  await rmdir(modules);
  return root;
}
