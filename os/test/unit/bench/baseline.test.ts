import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { repository } from '../../../src/workstation/paths.ts';

const text = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');
const unit = (name: string): Promise<string> =>
  text(`bench/baseline/root/etc/systemd/system/${name}`);

it('listens where the measured pod writes its line', async () => {
  const pod: unknown = parse(await text('bench/manifests/single.yaml'));
  const [, listen] = /^ListenStream=(.+)$/m.exec(await unit('console.socket')) ?? [];
  expect(pod).toMatchObject({ spec: { volumes: [{ hostPath: { path: listen } }] } });
});

it('has the file that kubelet’s configuration names for resolving names', async () => {
  const config: unknown = parse(await text('os/rootfs/etc/kubernetes/config.yaml'));
  const made = await text('bench/baseline/root/etc/tmpfiles.d/kubelet.conf');
  const [, resolvConf] = /^f (\S+) /m.exec(made) ?? [];
  expect(config).toMatchObject({ resolvConf });
});

it('starts kubelet and containerd with the arguments that init gives them', async () => {
  const vectors = v.parse(
    v.record(v.string(), v.array(v.string())),
    JSON.parse(await text('packages/host-api/vectors/programs.json')),
  );
  for (const [name, words] of Object.entries(vectors))
    expect(await unit(`${name}.service`)).toContain(`ExecStart=/usr${words.join(' ')}\n`);
  expect(Object.keys(vectors)).toEqual(['containerd', 'kubelet']);
});
