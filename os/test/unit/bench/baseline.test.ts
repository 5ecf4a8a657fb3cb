import { readFile } from 'node:fs/promises';
import path from 'node:path';

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
  const config: unknown = parse(await text('os/rootfs/etc/kubernetes/config.yaml'));
  const made = await text('bench/baseline/root/etc/tmpfiles.d/kubelet.conf');
  const [, resolvConf] = /^f (\S+) /m.exec(made) ?? [];
  expect(config).toMatchObject({ resolvConf });
});

it('the base line starts kubelet and containerd with the same arguments as init', async () => {
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
