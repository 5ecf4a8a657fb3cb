import { readFileSync } from 'node:fs';
import path from 'node:path';

import { command, type Logger, runProgram } from '@kios/agent';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  ACQUIRE_FLAGS,
  LINK_FLAGS,
  type LinkFlags,
  RUN_FLAGS,
  STATUS_FLAGS,
} from '../../src/core/settings/flags.ts';
import { SETTINGS } from '../../src/core/settings/settings.ts';
import { flagsOf, readFlags, type Row } from '../../src/core/settings/table.ts';
import { readPlainLine } from '../../src/edge/settings/plain-line.ts';

const plain = (line: readonly string[]): LinkFlags | undefined => readPlainLine(LINK_FLAGS, line);

const PAGE = readFileSync(path.join(import.meta.dirname, '../../../../docs/dhcp.md'), 'utf8');

const nothing = (): void => undefined;
const SILENT: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  close: () => Promise.resolve(),
};

/** The flags as yargs reads them. */
async function parsed(line: readonly string[]): Promise<LinkFlags | undefined> {
  let flags: LinkFlags | undefined;
  const run = command({
    command: 'run',
    describe: 'keep',
    builder: (args) => args.options(flagsOf(LINK_FLAGS)),
    run: async (args) => {
      flags = readFlags(LINK_FLAGS, args);
    },
  });
  const program = { name: 'dhcp-under-test', commands: [run] };
  expect(await runProgram(program, ['run', ...line], SILENT)).toBe(0);
  return flags;
}

describe('a plain command line', () => {
  it('is understood without the parser', () => {
    const line = ['--interface=eth0', '--interface=eth1', '--no-mtu', '--force', '--metric=5'];
    const expected = {
      interface: ['eth0', 'eth1'],
      mtu: false,
      force: true,
      metric: 5,
      arp: 'fast',
    };
    expect(plain(line)).toMatchObject(expected);
    expect(plain([])).toMatchObject({ interface: ['auto'], runDir: '/run/kios/net' });
    expect(readPlainLine(ACQUIRE_FLAGS, ['--timeout=3'])).toMatchObject({
      timeout: 3,
      carrierTimeout: 0,
    });
  });

  it('means the same to the parser', async () => {
    const words = [
      ...['eth0', '5', '', '=', 'a=b', '66=text'].map((text) => `--interface=${text}`),
      ...['5', '0x10', '1e2', '-1', ' 7', '.5', 'ten', ''].map((text) => `--metric=${text}`),
      '--arp=full',
      '--arp=',
      '--no-mtu',
      '--mtu',
      '--ipv4ll-metadata',
      '--no-force',
      '--option=66=text',
      '--option=',
      '--client-id=00ff',
      '--run-dir=/a b',
      '--offer-window=0',
    ].map((word) => [word]);
    const pairs = [
      ['--interface', 'eth0'],
      ['--metric', '7'],
      ['--arp', 'full'],
      ['--option', '66=text'],
    ];
    const lines = fc
      .array(fc.constantFrom(...words, ...pairs), { maxLength: 4 })
      .map((parts) => parts.flat())
      .filter((line) => plain(line) !== undefined);
    await fc.assert(
      fc.asyncProperty(lines, async (line) => {
        expect(plain(line)).toEqual(await parsed(line));
      }),
    );
  });

  it.each([
    ['--help'],
    ['--interface'],
    ['--interface', 'eth0', 'eth1'],
    ['--metric', '-1'],
    ['--metric=ten'],
    ['--metric='],
    ['--arp=often'],
    ['--no-interface=eth0'],
    ['--force=false'],
    ['--no-such'],
    ['eth0'],
    ['--timeout=3'],
    ['--metric=5', '--metric=6'],
    ['--mtu', '--no-mtu'],
    ['--constructor=x'],
    ['--interface='],
    ['-i', 'eth0'],
  ])('that is not one, or wrong, is left to it: %s', (...line) => {
    expect(plain(line)).toBeUndefined();
  });
});

const TABLES = Object.entries({ acquire: ACQUIRE_FLAGS, run: RUN_FLAGS, status: STATUS_FLAGS });

describe.each(TABLES)('the flags of %s', (_verb, table) => {
  it.each(Object.entries<Row>(table))('%s has a default that its schema takes', (_key, row) => {
    expect(row.default === undefined || v.is(row.schema, row.default)).toBe(true);
  });

  it.each(Object.entries(flagsOf(table)))('--%s is in kebab case and described', (name, flag) => {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(flag.describe).toMatch(/^[A-Z].*[^.]$/);
  });

  it.each(Object.keys(flagsOf(table)))('--%s is explained in docs/dhcp.md', (name) => {
    expect(PAGE).toMatch(new RegExp(`--(?:no-)?${name}\\b`));
  });
});

it('docs/dhcp.md names every key of dhcp.yaml', () => {
  const text = PAGE.slice(PAGE.indexOf('interfaces:'));
  for (const key of Object.keys(SETTINGS)) expect(text).toMatch(new RegExp(`\\b${key}\\b`));
});
