import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { askKubelet } from '../../src/build/manifests/kubelet/judge.ts';
import { silent } from '../../src/workstation/progress.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
let dir: string;

const context =
  '{runAsUser: 1000, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}, ' +
  'seccompProfile: {type: RuntimeDefault}}';
const pod = (name: string, namespace = 'default'): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: null}
spec:
  containers:
    - name: main
      image: registry.example/${name}:1.0
      resources: {limits: {memory: 16Mi}}
      securityContext: ${context}
`;

const FILES = {
  'good.manifest': `---\n${pod('good')}---\n`,
  'twin-a.yaml': pod('twin', 'a'),
  'twin-b.yml': pod('twin', 'b'),
  'twin-c.yml': pod('twin', 'a'),
  'daemonset.yaml': 'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\n',
  'two.yaml': `${pod('one')}---\n${pod('two')}`,
  'privileged.yaml': pod('proxy').replace('runAsUser: 1000', 'privileged: true'),
  'latin.yaml': Buffer.from('# caf\u{E9}\n', 'latin1'),
} as const;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-manifest-command-'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(path.join(dir, name), text);
  await askKubelet([{ name: 'a', text: '' }], silent);
}, 1_800_000);
afterAll(() => rm(dir, { recursive: true }));

const check = async (...names: readonly (keyof typeof FILES | 'missing.yaml')[]) => {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [main, 'manifests', 'check', ...names],
    { reject: false, stdin: 'ignore', cwd: dir },
  );
  return { exitCode, stdout, stderr };
};
const TIMEOUT = { timeout: 120_000 };

it('takes files from anywhere under any name', TIMEOUT, async () => {
  expect(await check('good.manifest', 'twin-a.yaml', 'twin-b.yml')).toMatchObject({
    exitCode: 0,
    stdout: '3 manifests, no fault',
  });
});

it.each<[keyof typeof FILES, string]>([
  ['daemonset.yaml', 'daemonset.yaml:2: kind: is apps/v1 DaemonSet, must be v1 Pod'],
  ['two.yaml', 'two.yaml:11: begins a second document, which kubelet does not read'],
  ['latin.yaml', 'latin.yaml:1: is not text in UTF-8'],
  ['privileged.yaml', 'os/manifest-policy.yaml can allow default/proxy: {privileged: true, reason: …}'],
])('%s is at fault, with the exit code of wrong data', TIMEOUT, async (name, fault) => {
  const { exitCode, stderr } = await check(name);
  expect(stderr).toContain(fault);
  expect(stderr).toContain('[KIOS_MANIFESTS]');
  expect(exitCode).toBe(EXIT.data);
}); // prettier-ignore

it('two files with one pod are at fault together', TIMEOUT, async () => {
  const { exitCode, stderr } = await check('twin-a.yaml', 'twin-c.yml');
  expect(stderr).toContain('twin-c.yml:3: metadata.name: twin-a.yaml has this pod already');
  expect(exitCode).toBe(EXIT.data);
});

it('a file that is not there is named', TIMEOUT, async () => {
  const { exitCode, stderr } = await check('missing.yaml');
  expect(stderr).toMatch(/cannot read missing\.yaml.*\[KIOS_MANIFESTS\]/);
  expect(exitCode).toBe(EXIT.data);
});
