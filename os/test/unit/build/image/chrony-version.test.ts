import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { chronyVersionEnv } from '../../../../src/build/image/runtime.ts';

describe("chronyd's version", () => {
  it.each([
    ['4.6.1-3+deb13u2', '4.6.1'],
    ['4.8-2', '4.8'],
    ['1:4.5-3ubuntu4', '4.5'],
    ['4.7~pre1-1', '4.7~pre1'],
  ])('of the package %s is %s', async (version, upstream) => {
    const root = await mkdtemp(path.join(tmpdir(), 'kios-chrony-'));
    try {
      await mkdir(path.join(root, 'usr/sbin'), { recursive: true });
      await writeFile(path.join(root, 'usr/sbin/chronyd'), '');
      const deb = { name: 'chrony', version, arch: 'amd64', sha256: 'ab', file: 'x.deb' };
      const parts = { arch: 'amd64' as const, packages: [{ deb, root }], bun: '', koffi: '' };
      expect(chronyVersionEnv(parts)).toEqual([`CHRONY_VERSION=${upstream}`]);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
