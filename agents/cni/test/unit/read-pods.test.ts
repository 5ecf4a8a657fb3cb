import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { readPods } from '../../src/edge/network/read-pods.ts';

let root = '';
let printed: string[] = [];
const console = { send: () => {}, close: () => Promise.resolve() };
const log = createLogger('cni', { console, stdout: { write: (line) => printed.push(line) } });

beforeEach(() => {
  printed = [];
  root = mkdtempSync(path.join(tmpdir(), 'kios-cni-pods-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const filesAt = (...files: readonly string[]) => ({
  files,
  judgement: path.join(root, 'network.json'),
  bootId: 'this',
});

const PLAIN = 'network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n';
const lanOf = (bridge: string): string => `network:
  version: 2
  ethernets: {eth0: {}}
  bridges: {${bridge}: {interfaces: [eth0], dhcp4: true}}
pods: {lan: ${bridge}}
`;
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

it.each<
  readonly [name: string, text: string | undefined, judgement: object, bridge: string | undefined]
>([
  ['one that was never judged', lanOf('br0'), {}, 'br0'],
  ['a good one', lanOf('br0'), { good: lanOf('br0') }, 'br0'],
  [
    'one on trial in this boot',
    lanOf('br1'),
    { good: lanOf('br0'), trial: { digest: digest(lanOf('br1')), bootId: 'this', deadline: 9 } },
    'br1',
  ],
  [
    'the good one in place of one that another boot tried',
    lanOf('br1'),
    { good: lanOf('br0'), trial: { digest: digest(lanOf('br1')), bootId: 'other', deadline: 9 } },
    'br0',
  ],
  [
    'the good one in place of one that was taken back',
    lanOf('br1'),
    { good: lanOf('br0'), refused: digest(lanOf('br1')) },
    'br0',
  ],
  [
    'a good one without pods in place of one that was taken back',
    lanOf('br1'),
    { good: PLAIN, refused: digest(lanOf('br1')) },
    undefined,
  ],
  [
    'none in place of the first one, which was taken back',
    lanOf('br1'),
    { good: null, refused: digest(lanOf('br1')) },
    undefined,
  ],
  [
    'the good one in place of one with faults',
    'network: {version: 2}\npods: [br0]\n',
    { good: lanOf('br0') },
    'br0',
  ],
  [
    'none in place of one with faults, when there was none before',
    'network: {version: 2}\npods: [br0]\n',
    { good: null },
    undefined,
  ],
  [
    'none where the good one has faults by now',
    lanOf('br1'),
    { good: 'pods: [br0]', refused: digest(lanOf('br1')) },
    undefined,
  ],
  ['none where the file is gone', undefined, { good: lanOf('br0') }, undefined],
  ['the one that is there, where the judgement is damaged', lanOf('br0'), { v: 7 }, 'br0'],
])(
  'pods are those of the file that the DHCP agent carries out: %s',
  async (_name, text, judgement, bridge) => {
    const file = path.join(root, 'network.yaml');
    if (text !== undefined) writeFileSync(file, text);
    if (Object.keys(judgement).length > 0)
      writeFileSync(`${root}/network.json`, JSON.stringify({ v: 1, ...judgement }));
    expect((await readPods(filesAt(file), log))?.lan).toBe(bridge);
  },
);

it('a network file that cannot be read has no pods', async () => {
  expect(await readPods(filesAt(root), log)).toBeUndefined();
  expect(printed.join('')).toContain('network.fault');
});
