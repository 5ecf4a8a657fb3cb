import { beforeAll, expect, it } from 'vitest';

import type { Tree } from '../../../../src/build/formats/tree.ts';
import { makeEarlyRoot } from '../../../../src/build/image/root.ts';
import { PAUSE, sampleRoot } from '../../../support/sample-root.ts';
import { origin } from '../../../support/trees.ts';

let root: Tree;

beforeAll(async () => {
  root = await sampleRoot();
});

/**
 * Init ignores copies of these on the data partition, except of static pods. A file that people are to change has to
 * lie elsewhere, and one that a program of the host reads is safe only outside /etc.
 */
it('ships in /etc only what nobody changes there, and no host name', () => {
  const files = root.sorted().filter(([, entry]) => entry.type !== 'directory');
  expect(files.map(([where]) => where).filter((where) => where.startsWith('/etc/'))).toEqual([
    '/etc/group',
    '/etc/hosts',
    '/etc/kios/modules/modprobe.d/zz-image.conf',
    '/etc/kios/release.json',
    '/etc/kubernetes/kubelet.conf.d/00-image.conf',
    '/etc/kubernetes/manifests/dhcp.yaml',
    '/etc/localtime',
    '/etc/os-release',
    '/etc/passwd',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/resolv.conf',
    '/etc/ssl/certs/ca-bundle.crt',
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/timezone',
  ]);
});

it('ships the configurations of containerd and kubelet outside /etc, with the sandbox by digest', () => {
  const containerd = new Map(root.sorted()).get('/lib/kios/containerd.toml');
  const text = containerd?.type === 'file' && 'bytes' in containerd.content ? containerd.content.bytes : ''; // prettier-ignore
  expect(Buffer.from(text).toString()).toContain(`\nsandbox = "${PAUSE}"\n`);
  expect(root.has('/lib/kios/kubelet.yaml')).toBe(true);
});

it("puts init ahead of a cluster network's portmap", () => {
  const entries = new Map(root.sorted());
  expect(entries.get('/lib/kios/cni/portmap')).toEqual({ type: 'symlink', target: '/bin/init' });
  const containerd = entries.get('/lib/kios/containerd.toml');
  const text = containerd?.type === 'file' && 'bytes' in containerd.content ? containerd.content.bytes : ''; // prettier-ignore
  expect(Buffer.from(text).toString()).toContain(
    '\nbin_dirs = ["/lib/kios/cni", "/opt/cni/bin"]\n',
  );
});

it("has init's other names in /bin", () => {
  const entries = new Map(root.sorted());
  for (const name of ['journalctl', 'modprobe', 'mount', 'umount'])
    expect([name, entries.get(`/bin/${name}`)]).toEqual([
      name,
      { type: 'symlink', target: 'init' },
    ]);
});

it('lets kubelet find the credentials of registries that the bootstrap agent writes', () => {
  expect(new Map(root.sorted()).get('/.docker/config.json')).toEqual({
    type: 'symlink',
    target: '/etc/kubernetes/registry-credentials.json',
  });
});

it('names the modules image that was made with it, and has a place for firmware', () => {
  const entries = new Map(root.sorted());
  const digest = entries.get('/lib/kios/modules.sha256');
  const text = digest?.type === 'file' && 'bytes' in digest.content ? digest.content.bytes : '';
  expect(Buffer.from(text).toString()).toBe(`${'1'.repeat(64)}\n`);
  expect(entries.get('/lib/firmware')?.type).toBe('directory');
});

it.each([
  ['alias pci:v* a.ko\nfs ext4 b.ko\n', undefined],
  ['always c.ko\nalias pci:v* a.ko\n', 'always c.ko\n'],
])('has in the first stage only the rules that it carries out: %j', (table, expected) => {
  const kernel = {
    version: '6.12.0',
    image: '',
    modules: '/none',
    allModules: '/none',
    requests: '',
    network: '',
    origin,
  };
  const tree = makeEarlyRoot({ ...kernel, early: { table, beforeRoot: [] } }, '/none');
  const entry = new Map(tree.sorted()).get('/early/table');
  const text = entry?.type === 'file' && 'bytes' in entry.content ? entry.content.bytes : undefined;
  expect(text === undefined ? undefined : Buffer.from(text).toString()).toBe(expected);
});
