import { expect, it } from 'vitest';

import { NOT_LOADED, FEATURES } from '../../../src/acceptance/features.ts';
import { parseAnswers } from '../../../src/acceptance/guest.ts';
import { PROBES } from '../../../src/acceptance/probes.ts';

it('tells Debian’s kernel from our own by its release', () => {
  const line = (kernel: string): string => JSON.stringify({ kernel });
  expect(parseAnswers(line('6.12.117+deb13-cloud-amd64')).kernel).toBe('debian');
  expect(parseAnswers(line('6.12.117-kios')).kernel).toBe('kios');
});

it('reads an answer a line, and none of a thing that is not there', () => {
  const output = '{"kernel":"x"}\n{"name":"a","answer":"EPERM"}\n{"name":"b","answer":null}\n';
  expect([...parseAnswers(output).answers]).toEqual([['a', 'EPERM'], ['b', null]]); // prettier-ignore
});

it('refuses what is neither, such as the runtime’s last words', () => {
  expect(() => parseAnswers('{"kernel":"x"}\nTypeError: no\n')).toThrow();
});

it('has at least 40 hostile probes, each named once', () => {
  const hostile = PROBES.filter(({ contract }) => contract === undefined);
  expect(hostile.length).toBeGreaterThanOrEqual(40);
  expect(new Set(PROBES.map(({ name }) => name)).size).toBe(PROBES.length);
});

it('expects of a hostile probe on our kernel never that it succeeds', () => {
  const successes = PROBES.filter(({ contract, kios }) => contract === undefined && kios === 'ok');
  expect(successes).toEqual([]);
});

it('misses on Debian’s kernel only what it tries', () => {
  expect([...NOT_LOADED].filter((name) => !FEATURES.some((own) => own === name))).toEqual([]);
});
