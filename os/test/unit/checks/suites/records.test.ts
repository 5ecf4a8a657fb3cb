import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  changedInputs,
  inputsOf,
  RECORDED_SUITES,
  stateOfInputs,
} from '../../../../src/checks/suites/records.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb924';

describe('changedInputs', () => {
  it('names what differs', () => {
    expect(changedInputs('agents 1\ninit 2\n', 'agents 1\ninit 3\nos/kernel 4\n')).toEqual(['init', 'os/kernel']); // prettier-ignore
  });
  it('names everything when nothing is recorded', () => {
    expect(changedInputs('', 'agents 1\ninit 2\n')).toEqual(['agents', 'init']);
  });
  it('names nothing when all is equal', () => {
    expect(changedInputs('agents 1\n', 'agents 1\n')).toEqual([]);
  });
});

describe('inputsOf', () => {
  it('has the image, the lab, the file itself and the folders of what it imports', async () => {
    expect(await inputsOf('lan')).toEqual(
      expect.arrayContaining([
        'agents',
        'os/guest',
        'os/kernel',
        'os/src/lab',
        'os/test/e2e/lan.test.ts',
        'os/test/support/lan',
        'os/test/support/relay',
        'packages/testkit',
      ]),
    );
  });
  it('does not have what another suite imports, nor what decides whether it runs', async () => {
    const inputs = await inputsOf('rpi4');
    expect(inputs.filter((input) => /lan|suites|recorded/.test(input))).toEqual([]);
  });
  it('has no check that the suite does not use', async () => {
    const checks = (await inputsOf('time')).filter((input) => /acceptance/.test(input));
    expect(checks).toEqual(
      ['assertion', 'logs', 'shipped-pods', 'started', 'static-pods'].map(
        (name) => `os/src/checks/acceptance/${name}.ts`,
      ),
    );
  });
});

describe.each(RECORDED_SUITES)('the suite %s', (suite) => {
  it('has a file that declares it under its name', async () => {
    const file = path.join(repository, `os/test/e2e/${suite}.test.ts`);
    expect(await readFile(file, 'utf8')).toContain(`describeRecorded('${suite}'`);
  });
  it('has inputs that exist', async () => {
    const gone = (await inputsOf(suite)).filter(
      (input) => !existsSync(path.join(repository, input)),
    );
    expect(gone).toEqual([]);
    const state = await stateOfInputs(suite);
    expect(state.split('\n').filter((line) => line.endsWith(` ${EMPTY}`))).toEqual([]);
  });
});
