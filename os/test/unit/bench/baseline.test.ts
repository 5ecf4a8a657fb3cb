import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { repository } from '../../../src/workstation/paths.ts';

const text = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');
const unit = (name: string): Promise<string> =>
  text(`bench/baseline/root/etc/systemd/system/${name}`);

it('the base line listens on the socket that the measured pod writes to', async () => {
  const pod: unknown = parse(await text('bench/manifests/single.yaml'));
  const [, listen] = /^ListenStream=(.+)$/m.exec(await unit('console.socket')) ?? [];
  expect(pod).toMatchObject({ spec: { volumes: [{ hostPath: { path: listen } }] } });
});

it('the base line has the resolv.conf that kubelet’s configuration names', async () => {
  const config: unknown = parse(await text('os/rootfs/lib/kios/kubelet.yaml'));
  const made = await text('bench/baseline/root/etc/tmpfiles.d/kubelet.conf');
  const [, resolvConf] = /^f (\S+) /m.exec(made) ?? [];
  expect(config).toMatchObject({ resolvConf });
});

it('the base line starts kubelet and containerd with the same arguments as init', async () => {
  const vectors = v.parse(
    v.record(v.string(), v.array(v.string())),
    JSON.parse(await text('packages/host-api/vectors/programs.json')),
  );
  for (const [name, words] of Object.entries(vectors))
    expect(await unit(`${name}.service`)).toContain(`ExecStart=/usr${words.join(' ')}\n`);
  expect(Object.keys(vectors)).toEqual(['containerd', 'kubelet']);
});
