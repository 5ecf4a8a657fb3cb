import { expect, it } from 'vitest';

import { parseResults } from '../../../../src/checks/acceptance/guest.ts';
import { PROBES } from '../../../../src/checks/hardening/probes.ts';

const line = (kernel: string): string => JSON.stringify({ kernel });

it('recognizes Debian’s kernel by its release', () => {
  expect(parseResults(line('6.12.117+deb13-cloud-amd64')).kernel).toBe('debian');
  expect(parseResults(line('6.12.117-kios')).kernel).toBe('kios');
});

it('reads a result a line; null stands for what does not exist', () => {
  const output = '{"kernel":"x"}\n{"name":"a","result":"EPERM"}\n{"name":"b","result":null}\n';
  expect([...parseResults(output).results]).toEqual([['a', 'EPERM'], ['b', null]]); // prettier-ignore
});

it('rejects other lines, such as an error of the runtime', () => {
  expect(() => parseResults('{"kernel":"x"}\nTypeError: no\n')).toThrow('Invalid JSON');
});

it('has at least 40 denied probes, each named once', () => {
  const denied = PROBES.filter(({ allowedBy }) => allowedBy === undefined);
  expect(denied.length).toBeGreaterThanOrEqual(40);
  expect(new Set(PROBES.map(({ name }) => name)).size).toBe(PROBES.length);
});

it('expects no denied probe to succeed on our kernel', () => {
  const successes = PROBES.filter(
    ({ allowedBy, kios }) => allowedBy === undefined && kios === 'ok',
  );
  expect(successes).toEqual([]);
});
