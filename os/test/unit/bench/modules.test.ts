import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { concrete, namesOf } from '../../../src/bench/module-trees.ts';
import { repository } from '../../../src/workstation/paths.ts';

const Loader = v.object({
  metadata: v.object({ name: v.string(), namespace: v.string() }),
  spec: v.object({
    containers: v.array(v.object({ name: v.string(), args: v.optional(v.array(v.string())) })),
  }),
});

const text = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');

it('asks for each module, and for each alias as a device has it', () => {
  const dep = 'kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\nkernel/net/8021q/8021q.ko.xz:\n';
  const alias =
    '# Aliases extracted from modules themselves.\nalias fs-ext4 ext4\nalias usb:v0421p0492d04[5-9]*dc?in* a\n';
  expect(namesOf(dep, alias)).toEqual(['ext4', '8021q', 'fs-ext4', 'usb:v0421p0492d0450dc0in0']);
  expect(concrete('odd:[!a]')).toBe('odd:!');
});

it('the watching pod reads the log of the loader’s container and says what it reads on the console', async () => {
  const watcher = await text('bench/modules/watcher.yaml');
  const loader = v.parse(Loader, parse(await text('manifests/modloader.yaml')));
  const [, pod, container] = /'(kube-system_modloader-)'[^]*?\/(\w+)'\)/.exec(watcher) ?? [];
  expect([pod, container]).toEqual(['kube-system_modloader-', 'run']);
  expect(loader.metadata).toMatchObject({ name: 'modloader', namespace: 'kube-system' });
  const [run] = loader.spec.containers;
  expect(run).toMatchObject({ name: 'run' });
  expect(run?.args).toContain('--profile=kubernetes');
  expect(watcher).toContain("includes('--profile=kubernetes')");
});
