import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = path.resolve(import.meta.dirname, '../../../../src/main.ts');
let folder: string;

const DOCUMENT = `apiVersion: kios.dev/v1
kind: NodeBootstrap
node: { name: worker-1, labels: { example.com/rack: a1 } }
`;

const kios = (...args: readonly string[]) =>
  execa(process.execPath, [main, 'bootstrap', ...args], {
    reject: false,
    stdin: 'ignore',
    env: { KIOS_STATE_DIR: folder, KIOS_NO_INSTALL: '1' },
  });

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-cli-bootstrap-'));
  await writeFile(path.join(folder, 'good.yaml'), DOCUMENT);
  await writeFile(path.join(folder, 'foreign.yaml'), '#cloud-config\nusers: []\n');
  await writeFile(path.join(folder, 'empty.yaml'), '');
  await writeFile(path.join(folder, 'bad.yaml'), DOCUMENT.replace('labels:', 'lables:'));
});

afterAll(() => rm(folder, { recursive: true }));

// The first of them makes the agent's bundle.
describe('the agent’s own code on the workstation', { timeout: 60_000 }, () => {
  it('render prints every file and the origin of each value', async () => {
    const file = path.join(folder, 'good.yaml');
    const { stdout, exitCode } = await kios('render', file);
    expect(exitCode).toBe(0);
    const plan: unknown = JSON.parse(stdout);
    expect(plan).toMatchObject({ nodeName: { name: 'worker-1', by: 'document' } });
    expect(plan).toHaveProperty('values', [
      { path: 'node.name', value: 'worker-1', from: file },
      { path: 'node.labels.example.com/rack', value: 'a1', from: file },
    ]);
    expect(stdout).toContain('"example.com/rack: a1\\n"');
  });

  it('check-userdata accepts what a node would accept', async () => {
    const { exitCode, stdout } = await kios('check-userdata', path.join(folder, 'good.yaml'));
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('worker-1')]);
  });

  it('check-userdata names the field that a node would refuse', async () => {
    const { exitCode, stdout, stderr } = await kios(
      'check-userdata',
      path.join(folder, 'bad.yaml'),
    );
    expect(exitCode).toBe(EXIT.config);
    expect(stdout + stderr).toContain('lables');
    expect(stderr).toContain('KIOS_BOOTSTRAP_CHECK');
  });

  it.each([
    ['foreign.yaml', 'cloud-config'],
    ['empty.yaml', 'it is empty'],
  ])('check-userdata says no to %s, by a code of its own', async (name, what) => {
    const { exitCode, stdout, stderr } = await kios('check-userdata', path.join(folder, name));
    expect(exitCode).toBe(EXIT.no);
    expect(JSON.parse(stdout)).toMatchObject({ complete: false });
    expect(stdout).toContain(what);
    expect(stdout).toContain('KIOS_BOOTSTRAP_ABSENT');
    expect(stderr).toContain('a node would find no document in it');
  });
});
