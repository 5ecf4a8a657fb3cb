import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Logger } from '@kios/agent';
import { toHex } from '@kios/bytes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { NodeDuid } from '../../../src/edge/v6/duid.ts';

const CARD = { mac: '52:54:00:12:34:56' };
const LOWER = { mac: '52:54:00:00:00:01' };
const OF_CARD = '00030001525400123456';
const OF_LOWER = '00030001525400000001';

// oxlint-disable-next-line no-unsafe-type-assertion -- no test here logs
const log = { error: () => undefined } as unknown as Logger;

describe('the DUID of a node', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-duid-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const hostFile = (): string => path.join(folder, 'host.json');
  const nameMachine = (machine: string): Promise<void> =>
    writeFile(
      hostFile(),
      JSON.stringify({
        v: 1,
        hostname: 'n',
        hostnameSource: 'machine',
        machine,
        version: '1',
        buildTime: '',
        data: 'partition',
      }),
    );
  const read = (...links: { mac: string }[]): NodeDuid =>
    NodeDuid.read(folder, hostFile(), links, log);

  it('is made of the lowest hardware address, in whatever order links are found', () => {
    expect(toHex(read(CARD, LOWER).bytes)).toBe(OF_LOWER);
    expect(toHex(read(LOWER, CARD).bytes)).toBe(OF_LOWER);
  });

  it('stays when the card is replaced', async () => {
    await read(CARD).keep();
    expect(toHex(read(LOWER).bytes)).toBe(OF_CARD);
  });

  it('is another one when the disk moves to another machine', async () => {
    await nameMachine('one');
    await read(CARD).keep();
    expect(toHex(read(LOWER).bytes)).toBe(OF_CARD);
    await nameMachine('two');
    expect(toHex(read(LOWER).bytes)).toBe(OF_LOWER);
  });

  it('is made anew when its file is damaged', async () => {
    await read(CARD).keep();
    const file = path.join(folder, 'v6/duid.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.slice(0, 20));
    expect(toHex(read(LOWER).bytes)).toBe(OF_LOWER);
  });
});
