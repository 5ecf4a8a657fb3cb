import { expect, it } from 'vitest';

import { notRun } from '../../../src/conformance/specs.ts';
import { causeOf, commandLine, summary } from '../../../src/conformance/summary.ts';

it('writes a command as it is typed', () => {
  const args = ['conformance', '--focus', String.raw`\[Conformance\]`, '--slice', '1/2'];
  expect(commandLine(args)).toBe(
    String.raw`./kios conformance --focus '\[Conformance\]' --slice 1/2`,
  );
});

it('has the numbers of each area, and a cause for each spec that did not pass', () => {
  const run = {
    command: './kios conformance',
    commit: 'abc',
    date: new Date(0),
    version: 'v1.36.3',
  };
  const spec = { seconds: 1, message: '' };
  const outcomes = [
    { ...spec, name: '[sig-node] a', state: 'passed' },
    { ...spec, name: '[sig-node] b | c', state: 'failed', message: 'timed out\nmore' },
    { ...spec, name: '[sig-apps] d', state: 'skipped', message: 'why' },
  ] as const;
  const page = summary(run, outcomes, new Map([['[sig-node] b | c', 'A stand-in.']]));
  expect(page).toContain('`./kios conformance`, Kubernetes v1.36.3, commit abc, 1970-01-01\n');
  expect(page.split('\n').filter((line) => line.startsWith('|'))).toEqual([
    '| area | passed | failed | skipped |',
    '| --- | --- | --- | --- |',
    '| sig-apps | 0 | 0 | 1 |',
    '| sig-node | 1 | 1 | 0 |',
    '| all | 1 | 1 | 1 |',
    '| not passed | spec | cause |',
    '| --- | --- | --- |',
    String.raw`| failed | [sig-node] b \| c | A stand-in. |`,
    '| skipped | [sig-apps] d | why |',
  ]);
});

it('has no cause for a spec with a part of another’s name, nor for one that was not run', () => {
  const causes = new Map([['[sig-node] Pods should', 'A stand-in.']]);
  const failed = { state: 'failed', seconds: 1, message: 'timed out' } as const;
  expect(causeOf(causes, { ...failed, name: '[sig-node] Pods should' })).toBe('A stand-in.');
  expect(causeOf(causes, { ...failed, name: '[sig-node] Pods should run' })).toBeUndefined();
  expect(causeOf(causes, notRun('[sig-node] Pods should', 'no node'))).toBeUndefined();
});
