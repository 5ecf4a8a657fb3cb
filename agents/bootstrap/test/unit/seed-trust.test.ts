import { readFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BootstrapError } from '../../src/core/faults/errors.ts';
import type { Settings } from '../../src/core/settings/settings.ts';
import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { NO_FACTS } from '../../src/edge/sources/machine-facts.ts';
import { readPlatform } from '../../src/edge/sources/platform.ts';
import { readSources } from '../../src/edge/sources/sources.ts';
import { joinNode, type Joined } from '../../src/verbs/join.ts';
import { reset } from '../../src/verbs/reset.ts';
import { CLOUDS } from '../support/clouds.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const CA_A = fixture('ca-a.crt');
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
const OTHER = clusterDocument('https://127.0.0.1:7443', { ca: fixture('ca-b.crt') });
const PLACED = 'etc/kubernetes/manifests/x.yaml';
/** The attack: a static pod, for which no cluster is needed. */
const EVIL = JSON.stringify({
  apiVersion: 'kios.dev/v1',
  kind: 'NodeBootstrap',
  node: { name: 'evil' },
  files: [{ path: `/${PLACED}`, content: 'privileged' }],
});

let node: NodeFolder;
let onConsole: string[] = [];
let calls = 0;

/** The API server of the other cluster is away. */
let isAway = false;

const api: ApiServer = {
  get: async () => {
    calls++;
    if (isAway) throw new BootstrapError('KIOS_BOOTSTRAP_UNREACHABLE', 'reach it');
    return Promise.resolve({ status: 200, body: '{}' });
  },
};
const log = testLogger({ console: (line) => onConsole.push(line) });

async function run(change: Partial<Settings> = {}): Promise<Joined> {
  const settings = { ...node.settings, ...change };
  const { signal } = new AbortController();
  return joinNode({ settings, log, signal, openApi: () => api });
}

const configDrive = (userData: string): void => {
  const meta = { uuid: 'u-1', hostname: 'other' };
  node.write('run/kios/seed/config-2/openstack/latest/meta_data.json', JSON.stringify(meta));
  node.write('run/kios/seed/config-2/openstack/latest/user_data', userData);
};

const firmware = (values: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(values))
    node.write(`sys/class/dmi/id/${name}`, `${value}\n`);
};

/** Joins and lets kubelet get its certificate; the state of the node is as after a join long ago. */
async function joined(): Promise<void> {
  await run();
  node.kubeletJoins(fixture('client.crt'));
  expect((await run()).outcome).toBe('joined');
  onConsole = [];
  calls = 0;
  node.sent.length = 0;
}

/** Boots the machine again, with whatever volumes it has now. */
const boots = (): void => node.boot({ bootId: `${node.bootId}'`, mode: 'cluster' });

const isUntouched = (): void => {
  expect(node.read(PLACED)).toBeUndefined();
  expect(node.read('etc/hostname')).toBe('node-1\n');
  expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_A);
  expect(node.read('etc/kubernetes/node-labels')).toContain('a1');
  expect(node.read('etc/kubernetes/kubelet.conf')).toBeDefined();
  expect([calls, node.sent]).toEqual([0, []]);
};

const refused = (): readonly string[] =>
  onConsole.filter((line) => line.includes('"ev":"seed.ignored"'));

beforeEach(async () => {
  node = await NodeFolder.make();
  node.seedDisk('disk-a');
  node.machine('machine-a');
  node.lease();
  onConsole = [];
  calls = 0;
  isAway = false;
});

afterEach(async () => {
  await node[Symbol.asyncDispose]();
});

describe('a cloud that gives user data by a service of its own', () => {
  const own = ['openstack config-2', 'digitalocean config-2', 'nocloud cidata'];
  const cases = CLOUDS.flatMap(({ provider, firmware: facts }) =>
    ['cidata', 'config-2']
      .filter((label) => !own.includes(`${provider} ${label}`))
      .map((label) => [provider, label, facts] as const),
  );

  it.each(cases)('%s: a volume labelled %s is not read', async (provider, label, facts) => {
    firmware(facts);
    if (label === 'cidata') node.seed(EVIL);
    else configDrive(EVIL);
    const platform = await readPlatform(node.settings);
    expect(platform.provider).toBe(provider);
    const remote = { facts: NO_FACTS, userData: undefined, config: undefined };
    const sources = await readSources(
      node.settings,
      platform,
      async () => Promise.resolve(remote),
      log,
    );
    expect(sources.document).toBeUndefined();
    const by = platform.by;
    const why = `the user data of this machine comes from ${provider}, recognised by its ${by}`;
    expect(platform.ignored).toEqual([{ label, device: 'serial disk-a', why }]);
  });

  it('a joined node ignores it, and its console says what to do', async () => {
    firmware({ sys_vendor: 'Hetzner' });
    node.write(
      'run/kios/seed/boot/bootstrap.yaml',
      DOCUMENT.replace('"node":{', '"node":{"name":"node-1",'),
    );
    await joined();
    node.seed(EVIL);
    boots();
    expect((await run()).outcome).toBe('joined');
    isUntouched();
    expect(refused()).toHaveLength(1);
    expect(refused()[0]).toMatch(/"lvl":"warn".*"code":"KIOS_BOOTSTRAP_SEED","label":"cidata"/);
    expect(refused()[0]).toMatch(/"why":"[^"]*hetzner[^"]*","remedy":"[^"]*kios\.provider=/);
  });

  it.each([
    ['kios.provider=nocloud', {}],
    ['ds=nocloud', {}],
    ['quiet', { provider: 'nocloud' }],
  ] as const)('an explicit choice makes it count: %s %j', async (line, change) => {
    firmware({ sys_vendor: 'Hetzner' });
    node.write('cmdline', line);
    node.seed(DOCUMENT);
    expect((await run(change)).outcome).toBe('pending');
    expect(refused()).toEqual([]);
  });
});

describe('a node that joined by a document of its boot medium', () => {
  beforeEach(async () => {
    node.write(
      'run/kios/seed/boot/bootstrap.yaml',
      DOCUMENT.replace('"node":{', '"node":{"name":"node-1",'),
    );
    await joined();
  });

  it.each([
    ['a stick labelled CIDATA', () => node.seed(EVIL)],
    ['a volume labelled config-2', () => configDrive(EVIL)],
    ['a stick of another cluster', () => node.seed(OTHER)],
    ['a stick that cannot be read', () => node.seed('a: [')],
  ])('refuses %s', async (_what, attack) => {
    attack();
    boots();
    expect((await run()).outcome).toBe('joined');
    isUntouched();
    expect(refused()).toHaveLength(1);
    expect(refused()[0]).toMatch(/"code":"KIOS_BOOTSTRAP_SEED".*the node joined by/);
  });

  it('follows that document when it changes', async () => {
    node.write(
      'run/kios/seed/boot/bootstrap.yaml',
      DOCUMENT.replace('"node":{', '"node":{"name":"node-1",').replace('a1', 'b2'),
    );
    boots();
    await run();
    expect(node.read('etc/kubernetes/node-labels')).toContain('b2');
  });
});

describe('a node that joined by a volume', () => {
  beforeEach(async () => {
    node.seed(DOCUMENT);
    await joined();
  });

  it('follows the document when it changes on that disk', async () => {
    node.seed(DOCUMENT.replace('a1', 'b2'));
    boots();
    expect((await run()).outcome).toBe('joined');
    expect(node.read('etc/kubernetes/node-labels')).toContain('b2');
    expect(refused()).toEqual([]);
  });

  it.each([
    [
      'the same label on another disk',
      () => {
        node.seedDisk('disk-b');
        node.seed(EVIL);
      },
    ],
    [
      'another label on the same disk',
      () => {
        node.remove('run/kios/seed/cidata');
        configDrive(EVIL);
      },
    ],
    [
      'another cluster on another disk',
      () => {
        node.seedDisk('disk-b');
        node.seed(OTHER);
      },
    ],
  ])('refuses %s, and keeps its configuration', async (_what, attack) => {
    attack();
    for (let n = 0; n < 2; n++) {
      boots();
      const { outcome, input } = await run();
      expect([outcome, input?.cluster?.endpoint]).toEqual(['joined', 'https://127.0.0.1:6443']);
      isUntouched();
      expect(refused()).toHaveLength(n + 1);
    }
  });

  it('knows a disk without a serial number by its place', async () => {
    await reset({ settings: node.settings, log, signal: new AbortController().signal });
    node.seedDisk('');
    node.remove('var/lib/kubelet/pki/kubelet-client-current.pem');
    await joined();
    node.seedDisk('', '0000:00:06.0');
    node.seed(EVIL);
    boots();
    await run();
    isUntouched();
    node.seedDisk('');
    node.seed(DOCUMENT.replace('a1', 'b2'));
    await run();
    expect(node.read('etc/kubernetes/node-labels')).toContain('b2');
  });

  it('accepts another disk when the machine is another', async () => {
    node.machine('machine-b');
    node.seedDisk('disk-b');
    node.seed(OTHER, 'instance-id: i-2\nlocal-hostname: node-2\n');
    boots();
    expect((await run()).outcome).toBe('pending');
    expect(node.read('etc/hostname')).toBe('node-2\n');
  });

  it("goes by init's hash of the machine rather than by all that its firmware says", async () => {
    const host = {
      v: 1,
      hostname: 'node-1',
      hostnameSource: 'file',
      machine: 'a'.repeat(64),
      version: '0.1.0',
      buildTime: '2026-01-01T00:00:00Z',
      data: 'partition',
    };
    node.write('run/kios/host/host.json', JSON.stringify(host));
    const { machine } = await readPlatform(node.settings);
    // As after an update of the firmware.
    node.write('sys/class/dmi/id/product_name', 'Another Name\n');
    expect([machine, (await readPlatform(node.settings)).machine]).toEqual([
      host.machine,
      host.machine,
    ]);
  });

  it('accepts another disk once when the source is named, and no third', async () => {
    node.write('cmdline', 'kios.provider=nocloud');
    node.seedDisk('disk-b');
    node.seed(DOCUMENT.replace('a1', 'b2'));
    boots();
    expect((await run()).outcome).toBe('joined');
    expect(node.read('etc/kubernetes/node-labels')).toContain('b2');
    node.seedDisk('disk-c');
    node.seed(EVIL);
    boots();
    await run();
    expect(node.read(PLACED)).toBeUndefined();
    expect(refused()).toHaveLength(1);
  });

  it('trusts a newly named disk only once its cluster has answered', async () => {
    const kept = (): readonly (string | undefined)[] =>
      ['state.json', 'seed.json'].map((file) => node.read(`var/lib/kios/bootstrap/${file}`));
    const before = kept();
    isAway = true;
    node.write('cmdline', 'kios.provider=nocloud');
    node.seedDisk('disk-b');
    node.seed(OTHER);
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_MOVE' });
    expect(kept()).toEqual(before);
    calls = 0;
    isUntouched();
    node.write('cmdline', '');
    node.remove('run/kios/seed/cidata');
    boots();
    expect((await run()).outcome).toBe('joined');
    isUntouched();
  });

  it('accepts another disk with --re-evaluate', async () => {
    node.seedDisk('disk-b');
    node.seed(OTHER);
    expect((await run({ reEvaluate: true })).outcome).toBe('pending');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain('7443');
    expect(refused()).toEqual([]);
  });

  it('accepts another disk after a reset', async () => {
    await reset({ settings: node.settings, log, signal: new AbortController().signal });
    node.seedDisk('disk-b');
    node.seed(OTHER);
    expect((await run()).outcome).toBe('pending');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain('7443');
  });

  it('takes a document of the boot medium too', async () => {
    node.write('run/kios/seed/boot/bootstrap.yaml', EVIL.replace('"name":"evil"', ''));
    boots();
    await run();
    expect(node.read(PLACED)).toBe('privileged');
  });
});

describe('before the first join', () => {
  it('a second stick corrects a document that led nowhere', async () => {
    node.seed(OTHER);
    await run();
    node.seedDisk('disk-b');
    node.seed(DOCUMENT);
    boots();
    expect((await run()).outcome).toBe('pending');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain('6443');
  });

  it('a standalone node accepts any stick', async () => {
    node.seed(EVIL);
    expect((await run()).outcome).toBe('standalone');
    node.seedDisk('disk-b');
    node.seed(DOCUMENT);
    expect((await run()).outcome).toBe('pending');
  });
});
