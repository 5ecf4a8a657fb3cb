import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { sha256 } from '../../workstation/digest.ts';
import { repository } from '../../workstation/paths.ts';
import { run } from '../../workstation/run.ts';

/** Everything of the repository that the build puts into the image or that decides how it does so. */
const IMAGE = [
  'agents',
  'init',
  'manifests',
  'os/esp',
  'os/kernel',
  'os/manifest-policy.yaml',
  'os/rootfs',
  'os/src/build',
  'os/upstream',
  'package-lock.json',
  'packages',
  'version.json',
];
/** What boots an image in an emulator and brings it into a cluster. */
const LAB = ['os/src/lab', 'os/src/workstation'];

/** How tests wait with kubectl. */
const WAIT = 'os/test/support/wait-with-kubectl.ts';

/** The slow suites, each named after its file in os/test/e2e. */
export const RECORDED_SUITES = [
  'arm64',
  'rpi4',
  'netboot',
  'exports',
  'console',
  'lan',
  'volumes',
  'conformance',
  'time',
  'modules',
  'look',
] as const;
export type RecordedSuite = (typeof RECORDED_SUITES)[number];

/** Paths of the inputs of each suite besides its file. */
export const INPUTS: Readonly<Record<RecordedSuite, readonly string[]>> = {
  arm64: [...IMAGE, ...LAB],
  rpi4: [...IMAGE, 'os/boards', ...LAB],
  netboot: [...IMAGE, ...LAB],
  exports: [...IMAGE, ...LAB, 'os/src/artefact/export'],
  console: [...IMAGE, ...LAB, 'os/test/support/screen-text.ts'],
  lan: [
    ...IMAGE,
    ...LAB,
    'os/guest',
    'os/src/checks/acceptance',
    'os/test/support/lan',
    'os/test/support/relay',
    WAIT,
  ],
  volumes: [
    ...IMAGE,
    ...LAB,
    'os/src/conformance/images',
    'os/test/support/own-kernel',
    'os/test/support/volumes',
    WAIT,
  ],
  conformance: [...IMAGE, ...LAB, 'os/src/conformance'],
  time: [
    ...IMAGE,
    ...LAB,
    'os/guest',
    'os/src/checks/acceptance',
    'os/test/support/relay',
    'os/test/support/time',
    WAIT,
  ],
  modules: [...IMAGE, ...LAB, 'os/guest', 'os/src/checks/acceptance', 'os/test/support/modules'],
  look: [...IMAGE, ...LAB, 'examples/monitoring', 'os/src/fleet', 'os/test/support/monitoring.ts', WAIT],
};

/** Returns the title of a suite's tests. */
export const titleOf = (suite: RecordedSuite): string => `${suite}:`;

/** Files among the inputs that no image has in it. */
const BESIDE =
  /^(?:agents|packages)\/[^/]+\/test\/|\/testdata\/|_test\.go$|\.md$|^packages\/testkit\//;

const recordFile = (suite: RecordedSuite): string =>
  path.join(repository, 'os/test/records', suite);

/** Returns the paths of the files below `input` that are committed or would be. */
async function filesOf(input: string): Promise<string[]> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', input];
  const listed = await run('git', args, { cwd: repository });
  return [...new Set(listed.split('\0'))].filter((file) => file !== '' && !BESIDE.test(file));
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
export async function stateOfInputs(suite: RecordedSuite): Promise<string> {
  const inputs = [...INPUTS[suite], `os/test/e2e/${suite}.test.ts`].toSorted();
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
export function recordedState(suite: RecordedSuite): string {
  try {
    return readFileSync(recordFile(suite), 'utf8');
  } catch {
    return '';
  }
}

/** Records the state with which a suite has passed. The file is committed with the change. */
export async function recordState(suite: RecordedSuite, state: string): Promise<void> {
  await mkdir(path.dirname(recordFile(suite)), { recursive: true });
  await writeFile(recordFile(suite), state);
}
