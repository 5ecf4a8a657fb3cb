import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { readSettingsFile, type SettingsRead } from '@kios/agent/settings-file';
import { readParts } from '@kios/agent/settings-parts';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';

import { ConfigFile } from '../../src/core/settings/settings.ts';
import { clientIdOf, machineId } from '../../src/edge/settings/identity.ts';
import { MAC } from '../support/fixtures.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kios-dhcp-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(text: string): Promise<SettingsRead<ConfigFile>> {
  const file = path.join(folder, 'dhcp.yaml');
  writeFileSync(file, text);
  return readSettingsFile(ConfigFile, file, 'docs/dhcp.md');
}

const GOOD = '  eth1: {metric: 50}\n';
const KEPT = { eth1: { enabled: true, metric: 50 } };

describe('a fault in dhcp.yaml costs the entry that has it:', () => {
  it.each<readonly [name: string, text: string, where: string, why: string, rest: object]>([
    [
      'an unknown setting',
      '  eth0: {metrik: 5, arp: full}',
      'eth0.metrik',
      'Did you mean metric?',
      { arp: 'full' },
    ],
    [
      'two unknown settings',
      '  eth0: {arpp: full, nothing-like-it-at-all: 1, mtu: false}',
      'eth0.arpp',
      'Did you mean arp?',
      { mtu: false },
    ],
    [
      'a word that is none of the known',
      '  eth0: {arp: often, metric: 7}',
      'eth0.arp',
      'is not one of',
      { metric: 7 },
    ],
    [
      'a text for a number',
      '  eth0: {metric: low, dns: false}',
      'eth0.metric',
      'is not a number',
      { dns: false },
    ],
    ['a number for a text', '  eth0: {clientId: 5}', 'eth0.clientId', 'is not a text', {}],
    ['a fraction', '  eth0: {metric: 1.5}', 'eth0.metric', 'is not a whole number', {}],
    ['a number that is too small', '  eth0: {metric: 0}', 'eth0.metric', 'is below 1', {}],
    [
      'a number that is too large',
      '  eth0: {minLeaseSeconds: 99999}',
      'eth0.minLeaseSeconds',
      'is above 3600',
      {},
    ],
    ['a text for a switch', '  eth0: {mtu: "no"}', 'eth0.mtu', 'is neither true nor false', {}],
    [
      'a setting without a value',
      '  eth0: {metric: , mtu: false}',
      'eth0.metric',
      'has no value',
      { mtu: false },
    ],
    ['a list for a value', '  eth0: {arp: [full]}', 'eth0.arp', 'is not one of', {}],
    [
      'a value for a list',
      '  eth0: {denyServers: 10.0.0.9}',
      'eth0.denyServers',
      'is not a list',
      {},
    ],
    [
      'one server of several',
      '  eth0: {denyServers: [10.0.0.9, 10.0.0.300, 10.0.0.8]}',
      'eth0.denyServers.1',
      'it must be the IPv4 address',
      { denyServers: ['10.0.0.9', '10.0.0.8'] },
    ],
    [
      'one option of several',
      '  eth0: {options: {43: hex, 255: ip}}',
      'eth0.options.255',
      'it must be a code',
      { options: { 43: 'hex' } },
    ],
    ['a list for the settings of a link', '  eth0: [metric]', 'eth0', 'is not a map', {}],
    ['a word for the settings of a link', '  eth0: off', 'eth0', 'is not a map', {}],
  ])('%s', async (_name, text, where, why, rest) => {
    const { settings, faults } = await read(`interfaces:\n${text}\n${GOOD}`);
    expect(settings.interfaces).toEqual({ eth0: { enabled: true, ...rest }, ...KEPT });
    expect(faults[0]).toMatchObject({ path: `interfaces.${where}` });
    expect(`${faults[0]?.why} ${faults[0]?.remedy}`).toContain(why);
  });

  it('a link without settings is none', async () => {
    expect(await read(`interfaces:\n  eth0:\n${GOOD}`)).toEqual({
      settings: { interfaces: { eth0: { enabled: true }, ...KEPT } },
      faults: [],
    });
  });

  it('a key at the top', async () => {
    const { settings, faults } = await read(`interface: {}\nlinks: 5\ninterfaces:\n${GOOD}`);
    expect(settings.interfaces).toEqual(KEPT);
    expect(faults.map(({ path: place, remedy }) => [place, remedy])).toEqual([
      ['interface', 'Did you mean interfaces?'],
      ['links', expect.stringContaining('interfaces')],
    ]);
  });

  it('a key that stands twice', async () => {
    const { settings, faults } = await read(`interfaces:\n  eth0: {metric: 1, metric: 2}\n${GOOD}`);
    expect(settings.interfaces).toEqual({ eth0: { enabled: true, metric: 2 }, ...KEPT });
    expect(faults).toHaveLength(1);
  });

  it.each([
    ['that is empty', '', 0],
    ['that is a comment', '# nothing\n', 0],
    ['whose links have no value', 'interfaces:\n', 0],
    ['that is a list', '- interfaces\n', 1],
    ['that is a text', 'off\n', 1],
    ['whose links are a list', 'interfaces: [eth0]\n', 1],
    ['that is not YAML', 'interfaces: {eth0: [}\n', 1],
    ['that is two documents', 'interfaces: {}\n---\ninterfaces: {}\n', 1],
    ['that names itself', 'interfaces: &a {eth0: *b}\n', 1],
  ])('a file %s leaves the flags', async (_name, text, count) => {
    const { settings, faults } = await read(text);
    expect(settings).toEqual({ interfaces: {} });
    expect(faults.length > 0).toBe(count > 0);
  });

  it('a file that cannot be read leaves the flags', async () => {
    const { settings, faults } = await readSettingsFile(ConfigFile, folder, 'docs/dhcp.md');
    expect(settings).toEqual({ interfaces: {} });
    expect(faults).toMatchObject([{ file: folder, path: '(top)' }]);
  });

  it('any tree gives settings, and is not changed', () => {
    const key = fc.constantFrom('interfaces', 'eth0', 'metric', 'options', '43', 'denyServers');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(null, 1, 'hex', 'full', '10.0.0.1', true),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, (input) => {
        const before = structuredClone(input);
        const { value, faults } = readParts(ConfigFile, input);
        expect(readParts(ConfigFile, value)).toEqual({ value, faults: [] });
        expect(faults.every(({ why }) => why !== '')).toBe(true);
        expect(input).toEqual(before);
      }),
    );
  });
});

describe('a machine without a UUID', () => {
  it.each(['', 'not a uuid', '00'])('is known by its hardware address: %j', (text) => {
    const file = path.join(folder, 'product_uuid');
    writeFileSync(file, text);
    expect(machineId(file)).toBeUndefined();
  });

  it('has an identifier all the same', () => {
    const expected = machineId() ?? clientIdOf('mac', MAC);
    expect(clientIdOf('uuid', MAC)).toEqual(expected);
  });
});
