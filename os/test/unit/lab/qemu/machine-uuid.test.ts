import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { clearMachine, machineUuid } from '../../../../src/lab/qemu/machine-uuid.ts';

let dir: string;
const machine = (name: string): string => path.join(dir, name);

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-uuid-'));
});

afterEach(async () => rm(dir, { recursive: true }));

it('stays with a machine, and no other machine has it', async () => {
  const uuid = await machineUuid(machine('one'));
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(await machineUuid(machine('one'))).toBe(uuid);
  expect(await machineUuid(machine('two'))).not.toBe(uuid);
});

it('stays when all else of the machine is removed', async () => {
  const uuid = await machineUuid(machine('one'));
  await mkdir(path.join(machine('one'), 'folder'));
  await writeFile(path.join(machine('one'), 'folder/disk.img'), '');
  await clearMachine(machine('one'));
  expect(await readdir(machine('one'))).toEqual(['uuid']);
  expect(await machineUuid(machine('one'))).toBe(uuid);
});

it('is made before the first disk too', async () => {
  await clearMachine(machine('one'));
  expect(await readdir(machine('one'))).toEqual([]);
});

it('is another one where QEMU would refuse what the file holds', async () => {
  await mkdir(machine('one'));
  await writeFile(path.join(machine('one'), 'uuid'), 'cut');
  expect(await machineUuid(machine('one'))).toHaveLength(36);
});
