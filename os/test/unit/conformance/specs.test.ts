import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { notRun, patternOf, readReport, Suite } from '../../../src/conformance/specs.ts';

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
    expect(readReport(text).outcomes).toEqual([
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
    expect(readReport(report(spec(state, 'x'))).outcomes[0]?.state).toBe('failed');
  });

  it('may be of a suite without specs', () => {
    const text = JSON.stringify([{ SpecReports: null }]);
    expect(readReport(text)).toEqual({ outcomes: [], fault: '' });
  });

  it('says what failed besides specs', () => {
    const broken = spec('failed', '', {
      LeafNodeType: 'SynchronizedBeforeSuite',
      Failure: { Message: 'no node is schedulable' },
    });
    const skipped = spec('skipped', '', { LeafNodeType: 'ReportAfterSuite' });
    const text = JSON.stringify([
      { SpecReports: [broken, skipped], SpecialSuiteFailureReasons: ['Suite Timeout Elapsed'] },
    ]);
    expect(readReport(text)).toEqual({
      outcomes: [],
      fault: 'SynchronizedBeforeSuite: no node is schedulable\nSuite Timeout Elapsed',
    });
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
      `#!/bin/sh\n${text === undefined ? '' : write}\necho Ran 0 of 2 Specs\necho broken >&2\nexit ${status}\n`,
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

  it('fails each spec that BeforeSuite kept from running, with its message', async () => {
    const Failure = { Message: 'Told to wait for 1 node, 0 are ready' };
    const broken = spec('failed', '', { LeafNodeType: 'SynchronizedBeforeSuite', Failure });
    const suite = new Suite(await program(report(broken), 1));
    const why = 'SynchronizedBeforeSuite: Told to wait for 1 node, 0 are ready';
    expect(await suite.run([name, 'another'], cluster)).toEqual([
      notRun(name, why),
      notRun('another', why),
    ]);
    expect(notRun(name, why)).toMatchObject({ state: 'failed', message: `not run: ${why}` });
  });

  it('fails a spec that Ginkgo left without a reason of the spec’s own', async () => {
    const Failure = { Message: 'Only supported for gce' };
    const text = report(spec('skipped', 'x'), spec('skipped', 'y', { Failure }));
    const suite = new Suite(await program(text, 0));
    const other = '[sig-node] Probing container y';
    expect(await suite.run([name, other], cluster)).toMatchObject([
      { name, state: 'failed', notRun: true },
      { name: other, state: 'skipped', message: 'Only supported for gce' },
    ]);
  });

  it('fails the specs of a program that ends without a report, with the end of what it printed', async () => {
    const suite = new Suite(await program(undefined, 1));
    const outcomes = await suite.run([name], cluster);
    expect(outcomes).toMatchObject([{ name, state: 'failed', notRun: true }]);
    expect(outcomes[0]?.message).toContain('broken');
  });

  it('says what the program printed where it ends well and reports nothing of a spec', async () => {
    const suite = new Suite(await program(report(), 0));
    const [outcome] = await suite.run([name], cluster);
    expect(outcome).toEqual(notRun(name, 'Ran 0 of 2 Specs'));
  });

  it('ends with the signal, not with outcomes', async () => {
    const suite = new Suite(await program(report(spec('passed', 'x')), 1));
    const signal = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(suite.run([name], { ...cluster, signal })).rejects.toThrow('Ctrl-C');
  });

  it('lists the whole suite and what is selected of it', async () => {
    const suite = new Suite(await program(report(spec('passed', 'x'), spec('skipped', 'y')), 0));
    expect(await suite.list('x', 'y')).toEqual({
      all: [name, '[sig-node] Probing container y'],
      selected: [name],
    });
  });

  it.each([0, 1])('cannot be listed without a report, whatever the status: %i', async (status) => {
    const suite = new Suite(await program(undefined, status));
    await expect(suite.list('x', 'y')).rejects.toThrow(/broken|Ran 0 of 2/);
  });
});
