import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseMetaData } from '../../src/core/document/meta-data.ts';
import { joinNode, type Joined } from '../../src/verbs/join.ts';
import { CA_A, CLIENT } from '../support/fixtures.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';
import { WatchedNode } from '../support/watched-node.ts';

describe("NoCloud's meta-data", () => {
  it.each([
    ['with more keys than are read', 'instance-id: i-1\nother: [1]\n', 'i-1', undefined],
    ['that is empty', '', undefined, undefined],
    ['of comments', '# nothing\n', undefined, undefined],
    ['with numbers', 'instance-id: 1\nlocal-hostname: worker-1\n', '1', 'worker-1'],
    ['with zeros before a number', 'instance-id: 0012\n', '0012', undefined],
    ['with a fraction', 'instance-id: 1.10\n', '1.10', undefined],
    ['with a word that YAML knows', 'instance-id: true\n', 'true', undefined],
    ['with null', 'instance-id: null\nlocal-hostname: ~\n', undefined, undefined],
    ['without values', 'instance-id:\nlocal-hostname: ""\n', undefined, undefined],
    ['in JSON, as KubeVirt has it', '{"instance-id":"vm.ns","local-hostname":"vm"}', 'vm.ns', 'vm'],
    ['with an alias', 'instance-id: &a vm\nlocal-hostname: *a\n', 'vm', 'vm'],
    ['with blanks and line ends', 'instance-id: |\n  vm\nlocal-hostname: " a "\n', 'vm', 'a'],
    ['with its windows line ends', 'instance-id: 7\r\nlocal-hostname: a\r\n', '7', 'a'],
  ])('%s', (_what, text, instanceId, hostname) => {
    expect(parseMetaData('m', text)).toEqual({ instanceId, hostname });
  });

  it.each([
    ['that is no YAML', 'instance-id: [', 'line 1'],
    ['that is a list', '- a\n', '(top): must be a map'],
    ['that is text', 'i-1', '(top): must be a map'],
    ['with a map for a name', 'local-hostname: {a: b}\n', 'local-hostname: must be text'],
    ['with a key twice', 'instance-id: a\ninstance-id: b\n', 'duplicate key'],
  ])('%s has a fault and no values', (_what, text, why) => {
    const { fault, ...values } = parseMetaData('seed/meta-data', text);
    expect(values).toEqual({ instanceId: undefined, hostname: undefined });
    expect(fault?.message).toContain('read seed/meta-data: ');
    expect(fault?.message).toContain(why);
  });

  it('that is not UTF-8 has a fault', () => {
    expect(parseMetaData('m', Uint8Array.of(0xff, 0xfe, 0x61)).fault?.message).toContain('UTF-16');
  });
});

describe('a fault in meta-data', () => {
  const DOCUMENT = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: n1}\n';
  let node: NodeFolder;
  const said: string[] = [];
  const log = testLogger({ console: (line) => said.push(line) });
  const run = async (): Promise<Joined> => {
    const { signal } = new AbortController();
    return joinNode({ settings: node.settings, log, signal });
  };

  beforeEach(async () => {
    said.length = 0;
    node = await NodeFolder.make();
    node.lease();
    node.machine('machine-a');
  });
  afterEach(() => node[Symbol.asyncDispose]());

  it('does not hold up good user data, and is named', async () => {
    node.seed(DOCUMENT, 'instance-id: [');
    expect((await run()).outcome).toBe('standalone');
    expect(node.read('etc/hostname')).toBe('n1\n');
    expect(said.join('\n')).toMatch(/bad\.document.*meta-data: line 1/);
  });

  it('makes no other machine of a node that is configured', async () => {
    node.seed(DOCUMENT);
    expect((await run()).input?.instanceId).toBe('i-1');
    const file = 'var/lib/kios/bootstrap/state.json';
    const state: unknown = JSON.parse(node.read(file) ?? '');
    const { machine } = (await run()).input?.platform ?? { machine: '' };
    const origin = { machine, provider: 'nocloud', isNamed: false };
    const volume = { label: 'cidata' };
    node.write(file, JSON.stringify({ ...Object(state), origin: { ...origin, volume } }));
    node.seed(DOCUMENT, 'instance-id: {');
    expect((await run()).input?.instanceId).toBe('i-1');
    node.machine('machine-b');
    expect((await run()).input?.instanceId).toBe('');
  });
});

describe('a node that joined while its meta-data had a fault', () => {
  const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
  let watched: WatchedNode;
  const isDroppedWith = async (metaData: string): Promise<boolean | undefined> => {
    watched.node.seed(DOCUMENT, metaData);
    return (await watched.run()).facts?.dropIdentity;
  };

  beforeEach(async () => {
    watched = await WatchedNode.make();
    watched.node.machine('machine-a');
    await isDroppedWith('instance-id: [');
    watched.node.kubeletJoins(CLIENT);
    await isDroppedWith('instance-id: [');
  });
  afterEach(() => watched[Symbol.asyncDispose]());

  it('keeps its certificate when that is corrected, and is a copy with another id', async () => {
    expect(await isDroppedWith('instance-id: {')).toBe(false);
    expect(await isDroppedWith('instance-id: i-1\n')).toBe(false);
    expect(await isDroppedWith('instance-id: i-2\n')).toBe(true);
  });

  it('is a copy on another machine', async () => {
    watched.node.machine('machine-b');
    expect(await isDroppedWith('instance-id: i-1\n')).toBe(true);
  });
});

it('a node that joined without an id is a copy with one', async () => {
  await using watched = await WatchedNode.make();
  const document = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
  watched.node.seed(document, '');
  await watched.run();
  watched.node.kubeletJoins(CLIENT);
  watched.node.seed(document);
  expect((await watched.run()).facts?.dropIdentity).toBe(true);
});
