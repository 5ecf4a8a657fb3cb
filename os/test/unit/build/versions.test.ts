import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { imageName } from '../../../src/build/shipped.ts';
import { KOFFI, NPM_PACKAGES } from '../../../src/build/versions.ts';
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
  const file = path.join(repository, 'os/rootfs/lib/kios/containerd.toml');
  const sandbox = /^sandbox = "(.*)"$/m.exec(await readFile(file, 'utf8'))?.[1];
  expect(sandbox).toBe(imageName('pause'));
});

const Lock = v.object({
  packages: v.record(v.string(), v.object({ integrity: v.optional(v.string()) })),
});

async function readLock(): Promise<v.InferOutput<typeof Lock>['packages']> {
  const text = await readFile(path.join(repository, 'package-lock.json'), 'utf8');
  return v.parse(Lock, JSON.parse(text)).packages;
}

it('has one hash for each package that is in the image and in the lock file', async () => {
  const locked = await readLock();
  for (const { name, integrity } of Object.values(NPM_PACKAGES.koffi))
    expect(locked[`node_modules/${name}`]?.integrity).toBe(integrity);
});

it('the launcher’s Node and npm are those of package.json, with the hashes of the lock file', async () => {
  const text = await readFile(path.join(repository, 'package.json'), 'utf8');
  const wanted = v.parse(
    v.object({
      packageManager: v.string(),
      optionalDependencies: v.record(v.string(), v.string()),
    }),
    JSON.parse(text),
  );
  const sums = (await readFile(path.join(repository, 'os/launcher.sha512'), 'utf8'))
    .trim()
    .split('\n');
  const files = sums.map((line) => line.split('  ')[1]);
  const nodes = Object.entries(wanted.optionalDependencies).map(
    ([name, version]) => `${name}-${version}.tgz`,
  );
  expect(files).toEqual([...nodes, `${wanted.packageManager.replace('@', '-')}.tgz`]);
  const locked = await readLock();
  for (const name of Object.keys(wanted.optionalDependencies)) {
    const hex = sums.find((line) => line.includes(`  ${name}-`))?.split(' ')[0] ?? '';
    expect(`sha512-${Buffer.from(hex, 'hex').toString('base64')}`).toBe(
      locked[`node_modules/${name}`]?.integrity,
    );
  }
});
