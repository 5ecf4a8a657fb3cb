import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { stampAllowlist } from '../../../../src/build/image/root.ts';
import { parseSettings, readSettings } from '../../../../src/checks/hardening/settings.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const read = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');
const Configuration = v.record(v.string(), v.unknown());
const configuration = async (): Promise<v.InferOutput<typeof Configuration>> =>
  v.parse(Configuration, parse(await read('os/rootfs/lib/kios/kubelet.yaml')));

/** What kubelet checks with `protectKernelDefaults`: k8s.io/component-helpers/node/util/sysctl. */
const CHECKED = new Map([
  ['vm/overcommit_memory', '1'],
  ['vm/panic_on_oom', '0'],
  ['kernel/panic', '10'],
  ['kernel/panic_on_oops', '1'],
  ['kernel/keys/root_maxkeys', '1000000'],
  ['kernel/keys/root_maxbytes', '25000000'],
]);

it('kubelet speaks TLS 1.3 only and ends forgotten streams', async () => {
  expect(await configuration()).toMatchObject({
    tlsMinVersion: 'VersionTLS13',
    streamingConnectionIdleTimeout: '5m',
  });
});

const seconds = (text: unknown): number => Number(/^(\d+)s$/.exec(String(text))?.[1]);

it('kubelet ends pods in order when the machine stops, those of users first', async () => {
  const { shutdownGracePeriod, shutdownGracePeriodCriticalPods, ...rest } = await configuration();
  const critical = seconds(shutdownGracePeriodCriticalPods);
  // Kubernetes' own grace period of a pod; the quickest cloud switches a machine off 90 s after it asked it.
  expect(critical).toBeGreaterThanOrEqual(30);
  expect(seconds(shutdownGracePeriod) - critical).toBeGreaterThanOrEqual(30);
  expect(seconds(shutdownGracePeriod)).toBeLessThanOrEqual(90);
  expect(rest).not.toHaveProperty('shutdownGracePeriodByPodPriority');
});

it('kubelet shows the logs of the host, and has no gate set for it', async () => {
  const { featureGates, ...rest } = await configuration();
  expect(rest).toMatchObject({ enableSystemLogHandler: true, enableSystemLogQuery: true });
  expect(featureGates).toBeUndefined();
});

it('kubelet starts: init makes the kernel settings that it checks', async () => {
  expect(await configuration()).toMatchObject({ protectKernelDefaults: true });
  const made = new Map((await readSettings()).map(({ name, value }) => [name, value]));
  for (const [name, value] of CHECKED) expect([name, made.get(name)]).toEqual([name, value]);
});

it('the base line makes them too', async () => {
  const text = await read('bench/baseline/root/etc/sysctl.d/90-kubelet.conf');
  expect(new Map(parseSettings(text).map(({ name, value }) => [name, value]))).toEqual(CHECKED);
});

it('any pod may use the repositories of preloaded images, in each form that it can write', async () => {
  const text = await read('os/rootfs/lib/kios/kubelet.yaml');
  expect(stampAllowlist(text, [])).toBe(text);
  const stamped = stampAllowlist(text, ['registry.example/app', 'docker.io/library/on']);
  const names = [
    'docker.io/library/on',
    'docker.io/on',
    'library/on',
    'on',
    'registry.example/app',
  ];
  expect(parse(stamped)).toEqual({
    ...Object(parse(text)),
    preloadedImagesVerificationAllowlist: ['kios.invalid/*', ...names],
  });
  expect(() => stampAllowlist('a: b', [])).toThrow('find the list');
});
