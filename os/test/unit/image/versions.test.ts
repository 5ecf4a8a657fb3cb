import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { repository } from '../../../src/host/paths.ts';
import { KIOS, KOFFI } from '../../../src/image/versions.ts';

const Version = v.object({ version: v.string() });
const Package = v.object({
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
  optionalDependencies: v.optional(v.record(v.string(), v.string()), {}),
});

async function readPackage(folder: string): Promise<v.InferOutput<typeof Package>> {
  const file = path.join(repository, folder, 'package.json');
  return v.parse(Package, JSON.parse(await readFile(file, 'utf8')));
}

it('ships the native half that belongs to the JavaScript which agents are bundled with', async () => {
  const { optionalDependencies } = await readPackage('packages/bundle');
  expect(optionalDependencies).toEqual({
    '@koromix/koffi-linux-arm64': KOFFI,
    '@koromix/koffi-linux-x64': KOFFI,
  });
  expect((await readPackage('packages/syscall')).dependencies['koffi']).toBe(KOFFI);
});

it('has the version of version.json', async () => {
  const file = path.join(repository, 'version.json');
  expect(v.parse(Version, JSON.parse(await readFile(file, 'utf8')))).toEqual({ version: KIOS });
});
