import { readFile } from 'node:fs/promises';
import path from 'node:path';

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
  const plan = await text('init/internal/kubelet/plan.go');
  expect(plan).toContain(
    '"--config=" + Dir + "/config.yaml", "--config-dir=" + Dir + "/kubelet.conf.d"',
  );
  expect(await unit('kubelet.service')).toContain(
    'ExecStart=/usr/bin/kubelet --config=/etc/kubernetes/config.yaml --config-dir=/etc/kubernetes/kubelet.conf.d\n',
  );
  expect(await text('init/internal/stage2/containerd.go')).toContain(
    '"/bin/containerd", "--config", "/etc/containerd/config.toml"',
  );
  expect(await unit('containerd.service')).toContain(
    'ExecStart=/usr/bin/containerd --config /etc/containerd/config.toml\n',
  );
});
