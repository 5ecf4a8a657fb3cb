import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { imageName } from '../../../src/build/shipped.ts';
import { KOFFI } from '../../../src/build/versions.ts';
import { repository } from '../../../src/workstation/paths.ts';

const Package = v.object({
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
  optionalDependencies: v.optional(v.record(v.string(), v.string()), {}),
});

async function readPackage(folder: string): Promise<v.InferOutput<typeof Package>> {
  const file = path.join(repository, folder, 'package.json');
  return v.parse(Package, JSON.parse(await readFile(file, 'utf8')));
}

it('ships the native half of the FFI that agents are bundled with', async () => {
  const { optionalDependencies } = await readPackage('packages/bundle');
  expect(optionalDependencies).toEqual({
    '@koromix/koffi-linux-arm64': KOFFI,
    '@koromix/koffi-linux-x64': KOFFI,
  });
  expect((await readPackage('packages/syscall')).dependencies['koffi']).toBe(KOFFI);
});

it('containerd’s configuration names the pause image of this version', async () => {
  const file = path.join(repository, 'os/rootfs/etc/containerd/config.toml');
  const sandbox = /^sandbox = "(.*)"$/m.exec(await readFile(file, 'utf8'))?.[1];
  expect(sandbox).toBe(imageName('pause'));
});
