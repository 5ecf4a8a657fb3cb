import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { makeImages } from '../../src/build/image/images.ts';
import { otherBootstrap } from '../../src/build/image/other-bootstrap.ts';
import { fetchParts } from '../../src/build/image/runtime.ts';
import { readChoice } from '../../src/build/manifests/bootstrap-choice.ts';
import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { cniPlugins } from '../../src/build/sources/upstream/components.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { buildWorkspaces } from '../../src/workstation/turbo.ts';

it(
  'the example is built into an image like ours, in place of ours, with its programs',
  { timeout: 600_000 },
  async () => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'kios-bootstrap-image-'));
    try {
      // A copy, because programs are put beside it.
      const folder = path.join(scratch, 'bootstrap-custom');
      await cp(path.join(repository, 'examples/bootstrap-custom'), folder, { recursive: true });
      await mkdir(path.join(folder, 'plugins'));
      await writeFile(path.join(folder, 'plugins/test-credential'), '#!/bin/sh\n');
      // In a fresh checkout nothing has built the agents when this part of the tests is run alone.
      await buildWorkspaces(['./agents/*']);
      const choice = readChoice(folder);
      const parts = await fetchParts('amd64', silent);
      const images = await makeImages(
        {
          arch: 'amd64',
          time: 0,
          layout: path.join(scratch, 'layout'),
          parts,
          hostBun: parts.bun,
          pause: await buildPause('amd64', silent),
          cni: await buildUpstream(await cniPlugins(), 'amd64', silent),
          ...(await otherBootstrap(choice, silent)),
        },
        silent,
      );
      const names = images.map(({ name }) => name);
      expect(names).toContain('kios.dev/bootstrap-custom:0.1.0');
      expect(names).not.toContain('kios.dev/bootstrap:0.1.0');
      const [custom, dhcp] = ['bootstrap-custom', 'dhcp'].map((part) =>
        images.find(({ name }) => name.includes(`/${part}:`)),
      );
      const files = custom?.layers.flatMap(({ tree }) => tree.sorted().map(([file]) => file)) ?? [];
      expect(files).toEqual(
        expect.arrayContaining(['/agent/agent.cjs', '/plugins/test-credential', '/bin/bun']),
      );
      // The runtime is one layer for all: its pages are in memory once.
      const digests = (image: typeof custom): unknown =>
        image?.layers.slice(0, 2).map(({ descriptor }) => descriptor.digest);
      expect(digests(custom)).toEqual(digests(dhcp));
      const index = await readFile(path.join(scratch, 'layout/index.json'), 'utf8');
      expect(index).toContain('kios.dev/bootstrap-custom:0.1.0');
    } finally {
      await rm(scratch, { recursive: true });
    }
  },
);
