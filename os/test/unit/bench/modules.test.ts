import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { concrete, namesOf } from '../../../src/bench/module-trees.ts';
import { repository } from '../../../src/workstation/paths.ts';

it('asks for each module, and for each alias as a device has it', () => {
  const dep = 'kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\nkernel/net/8021q/8021q.ko.xz:\n';
  const alias =
    '# Aliases extracted from modules themselves.\nalias fs-ext4 ext4\nalias usb:v0421p0492d04[5-9]*dc?in* a\n';
  expect(namesOf(dep, alias)).toEqual(['ext4', '8021q', 'fs-ext4', 'usb:v0421p0492d0450dc0in0']);
  expect(concrete('odd:[!a]')).toBe('odd:!');
});

it('the watching pod reads the log of the loader’s container and says what it reads on the console', async () => {
  const text = async (file: string): Promise<string> =>
    readFile(path.join(repository, file), 'utf8');
  const watcher = await text('bench/modules/watcher.yaml');
  const loader: unknown = parse(await text('manifests/modloader.yaml'));
  const [, pod, container] = /'(kube-system_modloader-)'[^]*?\/(\w+)'\)/.exec(watcher) ?? [];
  expect([pod, container]).toEqual(['kube-system_modloader-', 'run']);
  expect(loader).toMatchObject({
    metadata: { name: 'modloader', namespace: 'kube-system' },
    spec: { containers: [{ name: 'run', args: expect.arrayContaining(['--profile=kubernetes']) }] },
  });
  expect(watcher).toContain("includes('--profile=kubernetes')");
});
