import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { makeImages } from '../../src/build/image/images.ts';
import { otherBootstrap } from '../../src/build/image/other-bootstrap.ts';
import { fetchParts } from '../../src/build/image/runtime.ts';
import { readChoice } from '../../src/build/manifests/bootstrap-choice.ts';
import { imageName } from '../../src/build/shipped.ts';
import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { cniPlugins } from '../../src/build/sources/upstream/components.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { buildWorkspaces } from '../../src/workstation/turbo.ts';

it(
  'the example is built into an image that replaces ours and holds its programs',
  { timeout: 600_000 },
  async () => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'kios-bootstrap-image-'));
    try {
      // A copy, because the test adds programs to it.
      const folder = path.join(scratch, 'bootstrap-custom');
      await cp(path.join(repository, 'examples/bootstrap-custom'), folder, { recursive: true });
      await mkdir(path.join(folder, 'plugins'));
      await writeFile(path.join(folder, 'plugins/test-credential'), '#!/bin/sh\n');
      // In a new checkout the agents are not built when this test runs alone.
      await buildWorkspaces(['./agents/*']);
      const choice = readChoice(folder);
      const parts = await fetchParts('amd64', silent);
      const images = await makeImages(
        {
          arch: 'amd64',
          time: 0,
          layout: path.join(scratch, 'layout'),
          parts,
          workstationBun: parts.bun,
          pause: await buildPause('amd64', silent),
          cni: await buildUpstream(await cniPlugins(), 'amd64', silent),
          ...(await otherBootstrap(choice, silent)),
        },
        silent,
      );
      const names = images.map(({ name }) => name);
      expect(names).toContain(imageName('bootstrap-custom'));
      expect(names).not.toContain(imageName('bootstrap'));
      const [custom, dhcp] = ['bootstrap-custom', 'dhcp'].map((part) =>
        images.find(({ name }) => name.includes(`/${part}:`)),
      );
      const files = custom?.layers.flatMap(({ tree }) => tree.sorted().map(([file]) => file)) ?? [];
      expect(files).toEqual(
        expect.arrayContaining(['/agent/agent.cjs', '/plugins/test-credential', '/bin/bun']),
      );
      // All images share the runtime's layer, so its pages are in memory once.
      const digests = (image: typeof custom): unknown =>
        image?.layers.slice(0, 2).map(({ descriptor }) => descriptor.digest);
      expect(digests(custom)).toEqual(digests(dhcp));
      const index = await readFile(path.join(scratch, 'layout/index.json'), 'utf8');
      expect(index).toContain(imageName('bootstrap-custom'));
    } finally {
      await rm(scratch, { recursive: true });
    }
  },
);
