import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { GCP } from '../../src/core/providers/gcp.ts';
import {
  dmiFilesOf,
  fillSeed,
  noCloudProvider,
  type NoCloudSeed,
  parseNoCloudSeed,
} from '../../src/core/providers/nocloud.ts';
import type { MetadataAnswer } from '../../src/core/providers/provider.ts';
import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { readPlatform } from '../../src/edge/sources/platform.ts';
import { readSources } from '../../src/edge/sources/sources.ts';
import { joinNode, type Outcome } from '../../src/verbs/join.ts';
import { clusterApi, ENDPOINT } from '../support/carriers.ts';
import { CA_A } from '../support/fixtures.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';

let node: NodeFolder;
const said: string[] = [];
const api: ApiServer = { get: async () => Promise.resolve({ status: 200, body: '{}' }) };
const log = testLogger({ console: (line) => said.push(line) });
const reported = new Set<string>();
async function run(): Promise<Outcome> {
  const { signal } = new AbortController();
  const context = { settings: node.settings, log, signal, openApi: () => api, reported };
  return (await joinNode(context)).outcome;
}
const lines = (event: string): readonly string[] =>
  said.filter((line) => line.includes(`"ev":"${event}"`));

beforeEach(async () => {
  said.length = 0;
  reported.clear();
  node = await NodeFolder.make();
  node.lease();
});
afterEach(() => node[Symbol.asyncDispose]());

describe('user data for another program', () => {
  it.each([
    ['a kubeconfig', 'apiVersion: v1\nkind: Config\nclusters: []\n'],
    ['Talos', 'version: v1alpha1\nmachine: {type: worker}\ncluster: {}\n'],
    ['MIME of scripts', 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n'],
    ['Bottlerocket', '[settings.kubernetes]\ncluster-name = "a"\n'],
    ['cloud-config', '#cloud-config\nusers: []\n'],
  ])('that is %s does not hold up a complete document of the medium', async (_what, text) => {
    node.write('run/kios/seed/boot/bootstrap.yaml', DOCUMENT);
    node.seed(text);
    expect(await run()).toBe('pending');
    const [line, ...others] = lines('userdata.foreign');
    expect(others).toEqual([]);
    expect(line).toMatch(/"what":"[^"]+","instead":"[A-Z][^"]+"/);
  }); // prettier-ignore

  it('leaves a node without a document standalone', async () => {
    node.seed('#!/bin/sh\n');
    expect(await run()).toBe('standalone');
    expect(lines('userdata.foreign')[0]).toContain('kubeadm join line alone');
  });

  it('is an error in a file that is a document by its name', async () => {
    node.write('run/kios/seed/boot/bootstrap.yaml', '#cloud-config\nusers: []\n');
    await expect(run()).rejects.toMatchObject({
      code: 'KIOS_BOOTSTRAP_DOCUMENT',
      message: expect.stringContaining('seed/boot/bootstrap.yaml: it is cloud-config') as unknown,
      remedy: expect.stringMatching(/^Give a bootstrap document/) as unknown,
    });
  });
});

describe('a document of nothing but comments', () => {
  it('is absent', async () => {
    node.write('run/kios/seed/boot/bootstrap.yaml', `# ${HEAD.replaceAll('\n', '\n# ')}\n`);
    node.seed(`${HEAD}node: {name: n1}\n`);
    expect(await run()).toBe('standalone');
    expect(node.read('etc/hostname')).toBe('n1\n');
  });
});

it('a seed with cloud-config of Cluster API is filled in with the volume’s own meta-data', async () => {
  const registration = "nodeRegistration:\n  name: 'w-{{ ds.meta_data.instance_id }}'\n";
  node.seed(clusterApi({ registration }), 'instance-id: 0012\n');
  await expect(run()).rejects.toThrow("read the API server's answer"); // There is no such cluster.
  const platform = await readPlatform(node.settings);
  const sources = await readSources(node.settings, platform, async () => Promise.resolve(undefined), log); // prettier-ignore
  expect(sources.document).toMatchObject({
    cluster: { endpoint: `https://${ENDPOINT}` },
    node: { name: 'w-0012' },
  });
});

describe('the remedy of a fault', () => {
  it.each([
    ['run/kios/seed/boot/bootstrap.yaml', 'boot again'],
    ['run/kios/seed/cidata/user-data', 'boot again'],
    ['etc/kios/bootstrap.yaml', 'read again automatically'],
  ])('in %s fits that place', async (file, remedy) => {
    node.seed('');
    node.write(file, `${HEAD}node: {nam: x}\n`);
    await expect(run()).rejects.toMatchObject({
      code: 'KIOS_BOOTSTRAP_FIELD',
      message: expect.stringContaining(`${file}: node.nam: not a known field`) as unknown,
      remedy: expect.stringContaining(remedy) as unknown,
    });
  });

  it('names the source of a field of the merged document, and all that lack one', async () => {
    node.write('etc/kios/bootstrap.yaml', `${HEAD}cluster: {endpoint: "http://127.0.0.1"}\n`);
    node.write('run/kios/seed/boot/bootstrap.yaml', DOCUMENT.replace(/"endpoint":"[^"]*",/, ''));
    await expect(run()).rejects.toThrow(
      `read ${node.root}/etc/kios/bootstrap.yaml: cluster.endpoint: must begin with https://`,
    );
    node.write('etc/kios/bootstrap.yaml', `${HEAD}cluster: {name: a}\n`);
    await expect(run()).rejects.toThrow(
      `read ${node.root}/etc/kios/bootstrap.yaml and ${node.root}/run/kios/seed/boot/bootstrap.yaml: cluster.endpoint: is required`,
    );
  });
});

describe('a machine of VMware', () => {
  beforeEach(() => {
    node.write('sys/class/dmi/id/sys_vendor', 'VMware, Inc.\n');
    node.remove('run/kios/seed/cidata');
  });

  it('without a document says once that guestinfo is not read', async () => {
    await run();
    await run();
    expect(lines('userdata.unread')).toHaveLength(1);
    expect(lines('userdata.unread')[0]).toMatch(/KIOS_BOOTSTRAP_ABSENT.*guestinfo.*CIDATA/);
  });

  it('with a document says nothing', async () => {
    node.write('run/kios/seed/boot/bootstrap.yaml', `${HEAD}node: {name: n1}\n`);
    await run();
    expect(lines('userdata.unread')).toEqual([]);
  });
});

/** Returns the seed of a kernel command line. */
function seedOf(line: string): NoCloudSeed {
  const seed = parseNoCloudSeed(line);
  if (seed === undefined) throw new Error('it is no seed');
  return seed;
}

describe('a value of the firmware in the address of a seed', () => {
  const line = 'ds=nocloud;s=https://h/__dmi.chassis-serial-number__/__dmi.system-uuid__/';

  it('is filled in and escaped', () => {
    const seed = seedOf(line);
    expect(dmiFilesOf(seed)).toEqual(['chassis_serial', 'product_uuid']);
    const values = new Map([['chassis_serial', 'S/N 5'], ['product_uuid', 'u-1']]); // prettier-ignore
    expect(fillSeed(seed, values).url).toBe('https://h/S%2FN%205/u-1/');
  });

  it('is read on the machine', async () => {
    node.write('cmdline', line);
    node.write('sys/class/dmi/id/chassis_serial', 'C-7\n');
    node.write('sys/class/dmi/id/product_uuid', 'U-1\n');
    expect((await readPlatform(node.settings)).seed?.url).toBe('https://h/C-7/U-1/');
  });

  it.each([
    ['that the machine lacks', '__dmi.chassis-serial-number__'],
    ['that nobody knows', '__dmi.chassis-colour__'],
    ['that every object has', '__dmi.constructor__'],
  ])('%s is named, and no address is asked', async (_what, name) => {
    node.write('cmdline', `ds=nocloud;s=https://h/${name}/`);
    const { seed } = await readPlatform(node.settings);
    expect(seed).toBeDefined();
    expect(() => seed && noCloudProvider(seed)).toThrow(
      `use the address of ds=nocloud: this machine has no value for ${name}`,
    );
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_URL' });
  });
});

/** Answers as Google's metadata server. */
const utf8 = (text: string): MetadataAnswer => ({
  status: 200,
  headers: { 'metadata-flavor': 'Google' },
  body: new TextEncoder().encode(text),
});

it('kube-env stands where user data is missing, so that it is named', async () => {
  const instance = { name: 'n', zone: 'z-a', attributes: { 'kube-env': 'KUBELET_ARGS: --v=2\n' } };
  const { userData } = await GCP.read(async ({ path }) =>
    Promise.resolve(utf8(path.includes('recursive') ? JSON.stringify(instance) : '5')),
  );
  expect(new TextDecoder().decode(userData)).toContain('KUBELET_ARGS');
});
