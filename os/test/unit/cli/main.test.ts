import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = path.resolve(import.meta.dirname, '../../../src/main.ts');
let state: string;

beforeAll(async () => {
  state = await mkdtemp(path.join(tmpdir(), 'kios-cli-'));
});

afterAll(() => rm(state, { recursive: true }));

const kios = (...args: readonly string[]) =>
  execa(process.execPath, [main, ...args], {
    reject: false,
    stdin: 'ignore',
    env: { KIOS_STATE_DIR: state, KIOS_DEBUG: undefined, KIOS_NO_INSTALL: '1' },
  });

it('takes a flag for which another one has no room', async () => {
  const { stderr } = await kios('bench', 'boot', '--memory', '64');
  expect(stderr).toContain('a size is a whole number of MiB');
});

describe('bad input ends with one line, a code and a remedy, without a stack trace:', () => {
  it.each([
    ['nothing', [], 'KIOS_CLI_USAGE', EXIT.usage],
    ['an unknown command', ['upp'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['an unknown flag', ['up', '--ones'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['an unknown choice', ['build', '--arch', 'riscv'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['an unknown suite', ['test', 'all'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['an unknown suite on guests', ['test', 'e2e', 'all'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['a suite on guests of another', ['test', 'unit', 'time'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['a command without its subcommand', ['bench'], 'KIOS_CLI_USAGE', EXIT.usage],
    [
      'a network file that is not there',
      ['network', 'check', 'none.yaml'],
      'KIOS_NETWORK_FILE',
      EXIT.data,
    ],
    ['a port that is none', ['up', '--offer', '70000'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['configure without a change', ['configure', 'kios.img'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['a number of boots that is none', ['profile', '--boots', '0'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['a size that is none', ['bench', 'boot', '--memory', '2G'], 'KIOS_CLI_USAGE', EXIT.usage],
    [
      'a series that is none',
      ['bench', 'growth', '--series', 'pods,x'],
      'KIOS_CLI_USAGE',
      EXIT.usage,
    ],
    ['an hour that is none', ['bench', 'growth', '--minutes', '0'], 'KIOS_CLI_USAGE', EXIT.usage],
    [
      'too small a node to join',
      ['bench', 'memory', '--memory', '64'],
      'KIOS_CLI_USAGE',
      EXIT.usage,
    ],
    [
      'too small a node to start',
      ['bench', 'secure-boot', '--memory', '64'],
      'KIOS_CLI_USAGE',
      EXIT.usage,
    ],
    ['memory that is not a number', ['up', '--memory', 'lots'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['a registry with a scheme', ['publish', 'https://a.b'], 'KIOS_PUBLISH_TARGET', EXIT.usage],
    ['a tag that is none', ['publish', 'a.b', '--tag', '.a'], 'KIOS_PUBLISH_TARGET', EXIT.usage],
    [
      'an architecture before the registry that is not one',
      ['publish', '--arch', 'arm64', 'kios'],
      'KIOS_PUBLISH_TARGET',
      EXIT.usage,
    ],
    [
      'a signing key that is not there',
      ['publish', 'a.b', '--sign-key', 'none.pem'],
      'KIOS_PUBLISH_KEY',
      EXIT.config,
    ],
    ['a key without its certificate', ['build', '--sign-key', 'k'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['keys for an unsigned system', ['build', '--enroll', 'k'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['keys where files are', ['keys', 'create', '/etc'], 'KIOS_KEYS_FOLDER', EXIT.usage],
    ['a file that is no image', ['inspect', '/etc/hostname'], 'KIOS_ARTEFACT', EXIT.data],
    ['a reboot of no node', ['reboot', 'none.kubeconfig'], 'KIOS_CLI_USAGE', EXIT.usage],
    [
      'no node at a time',
      ['reboot', 'none.kubeconfig', 'a', '--max-unavailable', '0'],
      'KIOS_CLI_USAGE',
      EXIT.usage,
    ],
    [
      'a kubeconfig that is not there',
      ['poweroff', 'none.kubeconfig', 'a'],
      'KIOS_FLEET_KUBECONFIG',
      EXIT.config,
    ],
    ['a name that no node has', ['doctor', 'none', 'Node_1'], 'KIOS_CLI_USAGE', EXIT.usage],
    [
      'no time for replies',
      ['doctor', 'none', 'a', '--timeout', '0'],
      'KIOS_CLI_USAGE',
      EXIT.usage,
    ],
    [
      'a kubeconfig of a doctor that is not there',
      ['doctor', 'none.kubeconfig', 'a'],
      'KIOS_FLEET_KUBECONFIG',
      EXIT.config,
    ],
    ['a format that is unknown', ['export', '--format', 'vdi'], 'KIOS_CLI_USAGE', EXIT.usage],
    ['logs without a node', ['logs', 'init'], 'KIOS_NODE_ABSENT', EXIT.unavailable],
    [
      'kubectl without a cluster',
      ['kubectl', 'get', 'nodes'],
      'KIOS_NODE_ABSENT',
      EXIT.unavailable,
    ],
  ])('%s', async (_, args, code, exitCode) => {
    const { exitCode: ended, stderr, stdout } = await kios(...args);
    expect(stdout).toBe('');
    expect(stderr).toMatch(new RegExp(`^kios: cannot .* \\[${code}\\]\nkios: [A-Z].+\\.$`));
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(ended).toBe(exitCode);
  });
});

it('describes each command', async () => {
  const { stdout, exitCode } = await kios('--help');
  expect(exitCode).toBe(0);
  for (const name of [
    'up',
    'down',
    'status',
    'logs',
    'kubectl',
    'build',
    'flash',
    'publish',
    'inspect',
    'export',
    'manifests',
    'network',
    'reboot',
    'poweroff',
    'doctor',
    'test',
    'bench',
    'profile',
  ])
    expect(stdout).toMatch(new RegExp(`kios ${name} .*\\w`));
});

it('gives examples for a command', async () => {
  expect((await kios('up', '--help')).stdout).toContain('./kios up --once');
});

it('prints its version', async () => {
  expect((await kios('--version')).stdout).toMatch(/^\d+\.\d+\.\d+$/);
});

it('prints a completion script', async () => {
  expect((await kios('completion')).stdout).toContain('kios');
});

it('reports that nothing runs, and `down` succeeds then', async () => {
  const { stdout, exitCode } = await kios('status');
  expect(stdout).toBe('node: off\ncontrol plane: stopped');
  expect(exitCode).toBe(0);
  expect((await kios('down', '--purge')).exitCode).toBe(0);
});
