import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { sha256 } from '../../workstation/digest.ts';
import { repository } from '../../workstation/paths.ts';
import { run } from '../../workstation/run.ts';
import { importsOf } from './imports.ts';
import { fileOf, GUEST_SUITES } from './suites.ts';

/** Everything of the repository that the build puts into the image or that decides how it does so. */
const IMAGE = [
  'agents',
  'init',
  'manifests',
  'os/boot-guard',
  'os/esp',
  'os/kernel',
  'os/manifest-policy.yaml',
  'os/profile',
  'os/rootfs',
  'os/src/build',
  'os/upstream',
  'package-lock.json',
  'packages',
  'version.json',
];
/** What boots an image in an emulator, brings it into a cluster and runs in the node. */
const LAB = ['os/boards', 'os/guest', 'os/src/lab', 'os/src/workstation'];

/** What suites read besides what they import. */
const READ: Readonly<Record<string, readonly string[]>> = {
  'custom-bootstrap': ['examples/bootstrap-custom', 'os/test/support/azure-disc.iso.gz'],
  'device-links': ['init/internal/devlinks'],
  encryption: ['examples/attestation', 'init/internal/tpm'],
  lifecycle: ['examples/lifecycle'],
  logs: ['examples/node-logs'],
  look: ['examples/monitoring'],
  'own-kernel': [
    'agents/chrony-config/test',
    'agents/dhcp/test',
    'agents/modloader/test',
    'packages/netlink/test',
    'os/src/checks/suites/programs.ts',
  ],
  update: ['examples/lifecycle', 'examples/update'],
};
/** Decides whether a suite runs, not what it finds. */
const RECORDING = ['os/src/checks/suites', 'os/test/support/recorded.ts'];

/** Runs always: it tells whether the image of this very commit boots, joins and holds. */
const SMOKE = 'acceptance';

/** The suites that boot the image, without the one that always runs. */
export const RECORDED_SUITES = GUEST_SUITES.filter((suite) => suite !== SMOKE);

const isInside = (inputs: readonly string[], file: string): boolean =>
  inputs.some((input) => file === input || file.startsWith(`${input}/`));

/** A program beside an imported file may be started by its path. Those of checks are in `os/guest`. */
const mayStartBeside = (file: string): boolean =>
  file.split('/').length > 4 && !file.startsWith('os/src/checks/');

/** Returns the paths of a suite's inputs: the image, the lab, what the suite reads and the folders that it imports. */
export async function inputsOf(suite: string): Promise<string[]> {
  const known = [...IMAGE, ...LAB, ...(READ[suite] ?? [])];
  const { files, packages } = await importsOf(fileOf(suite));
  const imported = files
    .filter((file) => !isInside([...known, ...RECORDING], file))
    .map((file) => (mayStartBeside(file) ? path.dirname(file) : file));
  const testkit = packages.some((name) => name.startsWith('@kios/testkit'))
    ? ['packages/testkit']
    : [];
  return [...new Set([...known, ...imported, ...testkit])].toSorted();
}

/** Returns the title of a suite's tests. */
export const titleOf = (suite: string): string => `${suite}:`;

/** Files among those of `IMAGE` that no image has in it. */
const BESIDE =
  /^(?:agents|packages)\/[^/]+\/test\/|\/testdata\/|_test\.go$|\.md$|^packages\/testkit\//;

const recordFile = (suite: string): string => path.join(repository, 'os/test/records', suite);

/** Returns the paths of the files below `input` that are committed or would be. */
async function filesOf(input: string): Promise<string[]> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', input];
  const listed = await run('git', args, { cwd: repository });
  const isImage = IMAGE.includes(input);
  return [...new Set(listed.split('\0'))].filter(
    (file) => file !== '' && !(isImage && BESIDE.test(file)),
  );
}

async function digestOf(input: string): Promise<string> {
  const files = (await filesOf(input)).toSorted();
  const lines = files.map(async (file) => {
    const content = await readFile(path.join(repository, file)).catch(() => undefined);
    // A file that is removed but not yet committed as such is still listed.
    return content === undefined ? '' : `${file} ${sha256(content)}\n`;
  });
  return sha256((await Promise.all(lines)).join('')).slice(0, 32);
}

/** Returns the state of a suite's inputs, a line `<input> <digest>` for each. */
export async function stateOfInputs(suite: string): Promise<string> {
  const inputs = await inputsOf(suite);
  const lines = inputs.map(async (input) => `${input} ${await digestOf(input)}\n`);
  return (await Promise.all(lines)).join('');
}

/** Returns the inputs that differ between two states. */
export function changedInputs(before: string, now: string): string[] {
  const known = new Set(before.split('\n'));
  return now
    .split('\n')
    .filter((line) => line !== '' && !known.has(line))
    .map((line) => line.slice(0, line.lastIndexOf(' ')));
}

/** Reads the state with which a suite passed last. */
export function recordedState(suite: string): string {
  try {
    return readFileSync(recordFile(suite), 'utf8');
  } catch {
    return '';
  }
}

/** Records the state with which a suite has passed. The file is committed with the change. */
export async function recordState(suite: string, state: string): Promise<void> {
  await mkdir(path.dirname(recordFile(suite)), { recursive: true });
  await writeFile(recordFile(suite), state);
}
