import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireNoFaults } from '@kios/agent';
import { toHex } from '@kios/bytes';
import { afterAll, describe, expect, it } from 'vitest';

import { LINK_FLAGS } from '../../src/core/settings/flags.ts';
import { readFlags } from '../../src/core/settings/table.ts';
import { readExtraOptions } from '../../src/core/wire/extra-options.ts';
import { type Config, clientOptions, readConfig } from '../../src/edge/settings/config.ts';
import { LINK } from '../support/fixtures.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kios-dhcp-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Flags by name, as a parser reads them. */
type Given = Readonly<Record<string, unknown>>;

// Apart from the file of settings, which would count as init's copy beside it.
const HOST_FILE = path.join(folder, 'no-medium', 'host.json');
mkdirSync(path.dirname(HOST_FILE));
const GIVEN: Given = {
  config: path.join(folder, 'absent.yaml'),
  'host-file': HOST_FILE,
  'run-dir': folder,
  'state-dir': folder,
};

const configFor = async (given: Given): Promise<Config> =>
  readConfig(readFlags(LINK_FLAGS, { ...GIVEN, ...given }));

const optionsFor = async (given: Given): Promise<ReturnType<typeof clientOptions>> =>
  clientOptions(await configFor(given), LINK, 100, true);

function yaml(text: string): string {
  const file = path.join(folder, 'dhcp.yaml');
  writeFileSync(file, text);
  return file;
}

/** Writes init's file about a host whose name somebody chose, with changes. */
function writeHost(change: object): void {
  const host = {
    v: 1,
    hostname: 'node-7',
    hostnameSource: 'file',
    version: '0.1.0',
    buildTime: '2026-01-01T00:00:00Z',
    data: 'partition',
  };
  writeFileSync(HOST_FILE, JSON.stringify({ ...host, ...change }));
}

const identity = async (hostname: string): Promise<unknown> =>
  (await optionsFor({ hostname })).policy.identity;

describe('the configuration', () => {
  it('of a link takes precedence over the flags', async () => {
    const config = yaml(
      'interfaces: { eth0: { onExpire: drop, metric: 50, options: { 43: hex } } }',
    );
    const options = await optionsFor({ config });
    expect(options.plan).toMatchObject({ onExpire: 'drop', metric: 50 });
    expect(options.policy.identity.extraOptions).toEqual([43]);
    const other = clientOptions(await configFor({ config }), { ...LINK, name: 'eth1' }, 110, true);
    expect(other.plan).toMatchObject({ onExpire: 'keep', metric: 110 });
  });

  it('of the medium, which init copies, takes its place', async () => {
    const config = yaml('interfaces: { eth0: { metric: 50 } }');
    const medium = path.join(folder, 'host', 'dhcp.yaml');
    mkdirSync(path.dirname(medium), { recursive: true });
    writeFileSync(medium, 'interfaces: { eth0: { metric: 60 } }');
    const hostFile = path.join(folder, 'host', 'host.json');
    const { plan } = await optionsFor({ config, 'host-file': hostFile });
    expect(plan.metric).toBe(60);
  });

  it('turns a link off', async () => {
    const config = yaml('interfaces: { eth1: { enabled: false } }');
    expect((await configFor({ config })).choice).toEqual({
      tag: 'auto',
      except: ['eth1'],
    });
  });

  it.each([
    ['an unknown key', 'interfaces: { eth0: { onExpir: drop } }', 'interfaces.eth0.onExpir'],
    ['a wrong value', 'interfaces: { eth0: { arp: often } }', 'interfaces.eth0.arp'],
    ['another top', 'links: {}', 'links'],
    ['a code out of range', 'interfaces: { eth0: { options: { 255: ip } } }', 'options'],
  ])('with %s is refused by --check, and says where', async (_name, text, where) => {
    const config = await configFor({ config: yaml(text) });
    expect(() => requireNoFaults(config.faults)).toThrow(where);
    expect(() => requireNoFaults(config.faults)).toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  it.each([
    ['--interface', { interface: ['a/b'] }],
    ['--interface', { interface: ['auto', 'eth0'] }],
    ['--client-id', { 'client-id': 'serial' }],
    ['--option', { option: ['43'] }],
    ['--option', { option: ['43=blob'] }],
    ['--offer-window', { 'offer-window': -1 }],
  ])('refuses %s of %j with 64', async (_flag, flags) => {
    await expect(optionsFor(flags)).rejects.toMatchObject({ exitCode: 64 });
  });

  it('under --strict-rfc takes every strict value', async () => {
    const options = await optionsFor({ 'strict-rfc': true });
    expect(options.policy).toMatchObject({ strictRfc: true, arp: 'full', onExpire: 'drop' });
    expect(options.plan.onExpire).toBe('drop');
  });

  it('asks for option 108 only if it is heeded', async () => {
    expect((await optionsFor({})).policy.identity.extraOptions).toEqual([]);
    expect((await optionsFor({ 'ipv6-mostly': true })).policy.identity.extraOptions).toEqual([108]);
  });

  it('sends the host name, asks for one, or neither', async () => {
    writeHost({});
    expect(await identity('send')).toMatchObject({ hostname: 'node-7', wantsHostname: false });
    expect(await identity('request')).toMatchObject({ hostname: undefined, wantsHostname: true });
    expect(await identity('off')).toMatchObject({ hostname: undefined, wantsHostname: false });
  });

  it.each([
    ['derived from the machine', { hostnameSource: 'machine' }],
    ['made up at random', { hostnameSource: 'random' }],
    ['of an unknown origin', { hostnameSource: 'dns' }],
    ['with a line break', { hostname: 'node-7\nx' }],
    ['in a file of another version', { v: 2 }],
  ])('does not send a name %s, and asks for one', async (_, change) => {
    writeHost(change);
    expect(await identity('send')).toMatchObject({ hostname: undefined, wantsHostname: true });
  });

  it('without the file asks for a name, and sends the one that is chosen later', async () => {
    rmSync(HOST_FILE);
    const { policy, readName } = await optionsFor({});
    expect(policy.identity).toMatchObject({ hostname: undefined, wantsHostname: true });
    writeHost({});
    expect(readName()).toEqual({ hostname: 'node-7', wantsHostname: false });
  });

  it.each([
    ['mac', '01020000000001'],
    ['duid', 'ff0000000100030001020000000001'],
    ['hex:00aabb', '00aabb'],
    ['none', undefined],
  ])('makes the client identifier of %s', async (clientId, expected) => {
    const id = (await optionsFor({ 'client-id': clientId })).policy.identity.clientId;
    expect(id && toHex(id)).toBe(expected);
  });
});

describe('an extra option', () => {
  it('is published in its type, and left out when it does not fit', () => {
    const types = { 43: 'hex', 66: 'text', 150: 'ips', 77: 'u16', 99: 'ip' };
    const raw = { 43: 'a83f', 66: '746674702e6c616e', 150: '0a0000010a000002', 77: '01' };
    expect(readExtraOptions(types, raw)).toEqual({
      43: 'a83f',
      66: 'tftp.lan',
      150: ['10.0.0.1', '10.0.0.2'],
    });
  });
});
