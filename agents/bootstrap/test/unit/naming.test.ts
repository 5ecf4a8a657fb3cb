import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CA_A, CLIENT } from '../support/fixtures.ts';
import { clusterDocument } from '../support/node-folder.ts';
import { WatchedNode } from '../support/watched-node.ts';

const UNNAMED = 'instance-id: i-1\n';
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
const named = (name: string): string => DOCUMENT.replace('"labels"', `"name":"${name}","labels"`);

let watched: WatchedNode;

beforeEach(async () => {
  watched = await WatchedNode.make();
});

afterEach(async () => {
  await watched[Symbol.asyncDispose]();
});

const hostname = (): string | undefined => watched.node.read('etc/hostname');

/** Joins without a name from anybody, as kubelet does with the one that init derived. */
async function joinUnnamed(): Promise<void> {
  watched.node.derivedName = 'node-1';
  watched.node.startKubelet('standalone');
  await watched.join(DOCUMENT);
  await watched.stop();
}

describe('a fresh node', () => {
  it.each([
    ['that nobody named', {}],
    ['whose DHCP server calls every machine localhost', { hostname: 'localhost' }],
    ['whose DHCP server repeats the name of an old image', { hostname: 'kios' }],
  ])('%s keeps the name that init derived, which is not written', async (_who, lease) => {
    watched.node.seed(DOCUMENT, UNNAMED);
    watched.node.lease(undefined, lease);
    expect((await watched.run()).outcome).toBe('pending');
    expect(hostname()).toBeUndefined();
    expect(watched.saw('node.name')[0]).toMatchObject({ name: 'kios-00000000', by: 'init' });
    const before = watched.lines.length;
    expect((await watched.run()).outcome).toBe('pending');
    expect(watched.lines.length).toBe(before);
  });

  it('loses the file of an old image, in which all machines have one name', async () => {
    watched.node.write('etc/hostname', 'kios\n');
    watched.node.startKubelet('standalone');
    watched.node.seed(DOCUMENT, UNNAMED);
    await watched.run();
    expect(hostname()).toBeUndefined();
  });

  it('takes the name of its DHCP server, and keeps it when the server has another one later', async () => {
    watched.node.seed(DOCUMENT, UNNAMED);
    watched.node.lease(undefined, { hostname: 'rack-7' });
    await watched.run();
    expect(hostname()).toBe('rack-7\n');
    watched.node.lease(undefined, { hostname: 'rack-8' });
    watched.node.seed(DOCUMENT.replace('a1', 'b2'), UNNAMED);
    await watched.run();
    expect(hostname()).toBe('rack-7\n');
  });

  it.each([
    [
      'its cloud',
      (name: string) => watched.node.seed(DOCUMENT, `${UNNAMED}local-hostname: ${name}`),
    ],
    [
      'its DHCP server',
      (name: string) => {
        watched.node.seed(DOCUMENT, UNNAMED);
        watched.node.lease(undefined, { hostname: name });
      },
    ],
  ])(
    'with a too long name from %s takes the first label of it, and says so',
    async (_who, name) => {
      name(`worker-01.${'production.'.repeat(6)}example`);
      await watched.run();
      expect(hostname()).toBe('worker-01\n');
      expect(watched.saw('name.unusable')[0]).toMatchObject({ code: 'KIOS_BOOTSTRAP_NAME' });
    },
  );

  it('takes the id of its instance where the document says so, unless it has a name of its own', async () => {
    const byId = DOCUMENT.replace('"labels"', '"nameFrom":"instanceId","labels"');
    const metaData = `${UNNAMED}local-hostname: node-3\n`;
    watched.node.seed(byId, metaData);
    await watched.run();
    expect(hostname()).toBe('i-1\n');
    expect(watched.saw('node.name')[0]).toMatchObject({ name: 'i-1', by: 'document' });
    watched.node.seed(byId.replace('"labels"', '"name":"chosen","labels"'), metaData);
    await watched.run();
    expect(hostname()).toBe('chosen\n');
  });

  it('does not join under another name where its metadata has no such id', async () => {
    watched.node.seed(
      DOCUMENT.replace('"labels"', '"nameFrom":"instanceId","labels"'),
      'local-hostname: node-3\n',
    );
    await expect(watched.run()).rejects.toMatchObject({
      code: 'KIOS_BOOTSTRAP_FIELD',
      message: expect.stringContaining('node.nameFrom') as unknown,
    });
    expect(hostname()).toBeUndefined();
  });

  it('whose file was removed gets its name back', async () => {
    watched.node.seed(named('chosen'), UNNAMED);
    await watched.run();
    watched.node.startKubelet('cluster');
    watched.node.remove('etc/hostname');
    await watched.run();
    expect(hostname()).toBe('chosen\n');
  });
});

describe('a node that has joined', () => {
  it('under a derived name is renamed neither by DHCP nor by its cloud', async () => {
    await joinUnnamed();
    watched.node.lease(undefined, { hostname: 'node-2' });
    watched.node.seed(DOCUMENT.replace('a1', 'b2'), `${UNNAMED}local-hostname: node-3\n`);
    expect((await watched.run()).outcome).toBe('joined');
    expect(watched.node.read('etc/kubernetes/node-labels')).toContain('b2');
    expect(watched.saw('node.name').at(-1)).toMatchObject({ name: 'node-1', by: 'joined' });
  });

  it('under a derived name keeps it when the facts of the machine change', async () => {
    watched.node.derivedName = 'node-1';
    watched.node.startKubelet('standalone');
    watched.node.seed(DOCUMENT, UNNAMED);
    await watched.run();
    expect(hostname()).toBeUndefined();
    watched.node.kubeletJoins(CLIENT);
    await watched.run();
    expect(hostname()).toBeUndefined();
    watched.node.derivedName = 'kios-another1';
    watched.node.boot({ bootId: 'boot-2', mode: 'cluster' });
    expect((await watched.run()).outcome).toBe('joined');
    expect(hostname()).toBe('node-1\n');
  });

  it('on a copied disk does not take the name of the first machine', async () => {
    await watched.join(DOCUMENT);
    await watched.stop();
    expect(hostname()).toBe('node-1\n');
    watched.node.seed(DOCUMENT, 'instance-id: i-2\n');
    expect((await watched.run()).outcome).toBe('pending');
    expect(hostname()).toBeUndefined();
  });
});
