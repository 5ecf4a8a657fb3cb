import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { patternOf, readReport, sliceOf, Suite } from '../../../src/conformance/specs.ts';

const spec = (State: string, LeafNodeText: string, more: object = {}): object => ({
  ContainerHierarchyTexts: ['[sig-node] Probing container'],
  LeafNodeType: 'It',
  LeafNodeText,
  State,
  RunTime: 1_500_000_000,
  ...more,
});

const report = (...specs: object[]): string =>
  JSON.stringify([
    {
      SpecReports: [
        { ...spec('passed', ''), ContainerHierarchyTexts: null, LeafNodeType: 'ReportBeforeSuite' },
        ...specs,
      ],
    },
  ]);

describe('a report of Ginkgo', () => {
  it('gives each spec its state and its cause', () => {
    const Failure = { Message: 'Timed out after 300s.' };
    const text = report(
      spec('passed', 'should have monotonically increasing restart count'),
      spec('failed', 'should be restarted', { Failure }),
      spec('skipped', 'should time out', { Failure: { Message: 'Only supported for gce' } }),
    );
    expect(readReport(text)).toEqual([
      {
        name: '[sig-node] Probing container should have monotonically increasing restart count',
        state: 'passed',
        seconds: 1.5,
        message: '',
      },
      {
        name: '[sig-node] Probing container should be restarted',
        state: 'failed',
        seconds: 1.5,
        message: 'Timed out after 300s.',
      },
      {
        name: '[sig-node] Probing container should time out',
        state: 'skipped',
        seconds: 1.5,
        message: 'Only supported for gce',
      },
    ]);
  });

  it.each(['panicked', 'timedout', 'interrupted', 'aborted'])('takes %s for failed', (state) => {
    expect(readReport(report(spec(state, 'x')))[0]?.state).toBe('failed');
  });

  it('may be of a suite without specs', () => {
    expect(readReport(JSON.stringify([{ SpecReports: null }]))).toEqual([]);
  });
});

describe('the pattern of names', () => {
  it.each(['should *not* be restarted [NodeConformance]', 'a (b) c.d|e^f$ \\ {2}? +'])(
    'takes %s and no longer name',
    (name) => {
      const pattern = new RegExp(patternOf(['another', name]));
      expect(pattern.test(`Kubernetes e2e suite [It] ${name}`)).toBe(true);
      expect(pattern.test(`${name} and more`)).toBe(false);
    },
  );
});

describe('slices', () => {
  it('have each spec once', () => {
    const all = Array.from({ length: 23 }, (_, index) => index);
    const parts = [1, 2, 3, 4, 5].map((slice) => sliceOf(all, slice, 5));
    expect(parts.flat().toSorted((a, b) => a - b)).toEqual(all);
    expect(parts.map(({ length }) => length)).toEqual([5, 5, 5, 4, 4]);
  });
});

describe('the suite', () => {
  let folder = '';
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  /** A program that writes the report where it is told to, and ends with a status. */
  async function program(text: string | undefined, status: number): Promise<string> {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-suite-'));
    const file = path.join(folder, 'e2e.test');
    await writeFile(path.join(folder, 'report'), text ?? '');
    const write = `for a; do case $a in --ginkgo.json-report=*) cp "${folder}/report" "\${a#*=}";; esac; done`;
    await writeFile(
      file,
      `#!/bin/sh\n${text === undefined ? '' : write}\necho broken >&2\nexit ${status}\n`,
    );
    await chmod(file, 0o755);
    return file;
  }

  const cluster = { kubeconfig: '/k', kubectl: '/c', signal: new AbortController().signal };
  const name = '[sig-node] Probing container x';

  it('returns failed specs, although the program fails', async () => {
    const suite = new Suite(await program(report(spec('failed', 'x'), spec('skipped', 'y')), 1));
    expect(await suite.run([name], cluster)).toMatchObject([{ name, state: 'failed' }]);
  });

  it('fails where the program ends without a report', async () => {
    const suite = new Suite(await program(undefined, 1));
    await expect(suite.run([name], cluster)).rejects.toThrow(/broken/);
  });

  it('lists what is selected', async () => {
    const suite = new Suite(await program(report(spec('passed', 'x'), spec('skipped', 'y')), 0));
    expect(await suite.list('x', 'y')).toEqual([name]);
  });
});
