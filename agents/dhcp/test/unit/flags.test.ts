import { command, type Logger, runProgram } from '@kios/agent';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  Flags,
  linkFlags,
  readPlainAcquireFlags,
  readPlainFlags,
} from '../../src/core/settings/flags.ts';

const nothing = (): void => undefined;
const SILENT: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  close: () => Promise.resolve(),
};

/** The flags as the parser that helps and explains reads them. */
async function parsed(line: readonly string[]): Promise<Flags | undefined> {
  let flags: Flags | undefined;
  const run = command({
    command: 'run',
    describe: 'keep',
    builder: linkFlags,
    run: async (args) => {
      flags = v.parse(Flags, args);
    },
  });
  const program = { name: 'dhcp-under-test', version: '1', commands: [run] };
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
    expect(readPlainFlags(line)).toMatchObject(expected);
    expect(readPlainFlags([])).toMatchObject({ interface: ['auto'], runDir: '/run/kios/net' });
    expect(readPlainAcquireFlags(['--timeout=3'])).toMatchObject({ timeout: 3, carrierTimeout: 0 });
  });

  it('means what it means to the parser', async () => {
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
    ];
    const lines = fc
      .array(fc.constantFrom(...words), { maxLength: 4 })
      .filter((line) => readPlainFlags(line) !== undefined);
    await fc.assert(
      fc.asyncProperty(lines, async (line) => {
        expect(v.parse(Flags, readPlainFlags(line))).toEqual(await parsed(line));
      }),
    );
  });

  it.each([
    ['--help'],
    ['--interface', 'eth0'],
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
  ])('that is not one, or wrong, is left to it: %s', (...line) => {
    expect(readPlainFlags(line)).toBeUndefined();
  });
});
