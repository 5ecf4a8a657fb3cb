import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { writeLayout } from '../../src/build/image/oci-layout.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { bundleAgent } from '../../src/workstation/agent-bundle.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import type { Containerd } from '../support/containerd.ts';
import { Cri } from '../support/cri.ts';
import { Kubelet } from '../support/kubelet.ts';
import {
  buildPrograms,
  imageOf,
  openNodeContainerd,
  type Programs,
} from '../support/node-containerd.ts';
import { fakeBuild } from '../support/publish/fake-builds.ts';
import {
  PASSWORD,
  startDistribution,
  type TestRegistry,
  USER,
} from '../support/publish/registries.ts';
import { login, runPublish } from '../support/publish/run-publish.ts';

/**
 * The node's containerd and kubelet pull what `kios publish` sent to a private registry: its certificate and password
 * come from a bootstrap document, through the agent as it ships.
 */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 });

/** The registry's name on the node; containerd does not verify one that is named by a loopback address. */
const NAME = 'registry.test';

let home = '';
let etc = '';
let agent = '';
let program: Programs;
let registry: TestRegistry;
let containerd: Containerd;
let kubelet: Kubelet;
let cri: Cri;

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  program = await buildPrograms();
  const pause = (await buildPause(workstationArch(), silent)).path;
  agent = await bundleAgent('bootstrap', silent);
  home = await mkdtemp(path.join(tmpdir(), 'kios-private-'));
  etc = path.join(home, 'etc');
  registry = await startDistribution(path.join(home, 'registry'));
  await login(path.join(home, 'docker'), registry.host);
  vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
  await fakeBuild({ home, content: 'newer', program: pause, arches: [workstationArch()] });
  const layout = path.join(home, 'layout');
  const sandbox = await imageOf(layout, 'pause', pause);
  await writeLayout(layout, [sandbox], workstationArch());
  containerd = await openNodeContainerd(home, program, [sandbox], (text) =>
    text.replace(/config_path = ".*"/, `config_path = "${etc}/containerd/certs.d"`),
  );
  const dir = path.join(home, 'kubelet');
  await mkdir(path.join(dir, 'root'), { recursive: true });
  // kubelet reads this place as it reads /.docker, which the image links to the same file.
  const credentials = path.join(etc, 'kubernetes/registry-credentials.json');
  await symlink(credentials, path.join(dir, 'root/config.json'));
  kubelet = await Kubelet.open(dir, program('kubelet'), containerd.socket);
  cri = new Cri(containerd.socket);
});

afterAll(async () => {
  await kubelet?.stop();
  await cri?.endPods();
  cri?.[Symbol.dispose]();
  await containerd?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  if (home !== '') await rm(home, { recursive: true, force: true });
});

beforeEach(requireRoot);

/** The part of the DHCP agent's file that is the same at each boot. Without an address the bootstrap agent waits. */
const LEASE = {
  v: 1,
  if: 'eth0',
  mac: '52:54:00:12:34:56',
  state: 'bound',
  acquired: { boot: 1, wall: '2026-01-01T00:00:00Z' },
  address: '10.0.2.15/24',
  lease: 86_400,
  t1: 43_200,
  t2: 75_600,
  gateways: ['10.0.2.2'],
};

/** Runs the agent with a document whose registries are these. */
async function configure(registries: object): Promise<string> {
  const document = path.join(home, 'node.yaml');
  const content = { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', registries };
  await writeFile(document, JSON.stringify(content));
  const places = { etc: 'etc', run: 'run', 'seed-dir': 'seed', 'state-dir': 'state', 'kubelet-pki': 'pki', sysfs: 'sys', 'proc-net': 'net' }; // prettier-ignore
  for (const at of [...Object.values(places), 'run/platform', 'run/net'])
    await mkdir(path.join(home, at), { recursive: true });
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  await writeFile(path.join(home, 'run/net/eth0.json'), JSON.stringify({ ...LEASE, bootId }));
  const flags = Object.entries({ ...places, cmdline: 'cmdline' }).map(
    ([flag, at]) => `--${flag}=${path.join(home, at)}`,
  );
  const { all, exitCode } = await execa(
    process.execPath,
    [
      agent,
      'join',
      '--no-restart',
      '--timeout=30',
      '--provider=none',
      `--config=${document}`,
      ...flags,
    ],
    { all: true, reject: false, env: { KIOS_CONSOLE: path.join(home, 'console.sock') } },
  );
  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  return all;
}

const pod = (image: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'dhcp', namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'run', image, imagePullPolicy: 'IfNotPresent' }],
    },
  });

it('a static pod runs the image that was published, by its digest', async () => {
  const { images } = await runPublish({ home, registry });
  const published = images.find(({ name }) => name === 'dhcp')!.reference;
  const reference = published.replace(registry.host, NAME);
  const entry = { endpoints: [registry.url], username: USER, password: PASSWORD };
  await configure({ [NAME]: entry });
  await expect(cri.pull(reference)).rejects.toThrow(/x509/);
  const said = await configure({ [NAME]: { ...entry, caBundle: registry.ca?.pem } });
  expect(said).not.toContain(PASSWORD);
  const credentials = path.join(etc, 'kubernetes/registry-credentials.json');
  expect((await stat(credentials)).mode & 0o777).toBe(0o600);
  // Only kubelet has the password.
  await expect(cri.pull(reference)).rejects.toThrow(/no basic auth credentials/);
  await kubelet.place('dhcp', pod(reference));
  const id = await vi.waitFor(
    async () => {
      const found = (await cri.running()).find((container) => container.pod === 'dhcp-node');
      if (found === undefined) throw new Error(`it does not run: ${kubelet.log}`);
      return found.id;
    },
    { timeout: 60_000, interval: 250 },
  );
  const tasks = 'state/io.containerd.runtime.v2.task/k8s.io';
  const owner = path.join(containerd.dir, tasks, id, 'rootfs/owner');
  expect(await containerd.run('cat', owner)).toBe('dhcp newer');
});

it('what a document no longer names is removed, and so is the password', async () => {
  const certs = path.join(etc, 'containerd/certs.d');
  await configure({ 'other.test': { endpoints: [registry.url] } });
  expect(await readdir(path.join(certs, NAME))).toEqual([]);
  expect(await readdir(path.join(certs, 'other.test'))).toEqual(['hosts.toml']);
  expect(await readdir(path.join(etc, 'kubernetes'))).not.toContain('registry-credentials.json');
});
