import { createLogger } from '@kios/agent';
import { beforeEach, expect, it } from 'vitest';

import { Reload } from '../../../src/edge/chronyd/reload.ts';
import { FakeChronyd } from '../../support/fake-chronyd.ts';

const { signal } = new AbortController();
let lines: string[];
let chronyd: FakeChronyd;
let reload: Reload;

beforeEach(() => {
  lines = [];
  chronyd = new FakeChronyd();
  const console = { send: () => {}, close: () => Promise.resolve() };
  const stdout = { write: (line: string) => lines.push(line) > 0 };
  reload = new Reload(chronyd, createLogger('test', { console, stdout }));
});

const said = (text: string): number => lines.filter((line) => line.includes(text)).length;

it('is due at the start, and after each change', async () => {
  expect(await reload.run(signal)).toBeUndefined();
  expect(await reload.run(signal)).toBeUndefined();
  expect(chronyd.asked).toEqual(['reload']);
  reload.due();
  await reload.run(signal);
  expect(chronyd.asked).toHaveLength(2);
});

it('is tried again, later and later, while chronyd is down, which is told once', async () => {
  chronyd.isUp = false;
  const waits = [];
  for (let count = 0; count < 7; count++) waits.push(await reload.run(signal));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(said('"ev":"chronyd.down"')).toBe(1);
  chronyd.isUp = true;
  expect(await reload.run(signal)).toBeUndefined();
  chronyd.isUp = false;
  reload.due();
  expect(await reload.run(signal)).toBe(1000);
  expect(said('"ev":"chronyd.down"')).toBe(2);
});

it('that is refused is tried once more, and then at the next change', async () => {
  chronyd.refusals = 2;
  expect(await reload.run(signal)).toBe(1000);
  expect(await reload.run(signal)).toBeUndefined();
  expect(await reload.run(signal)).toBeUndefined();
  expect(chronyd.asked).toHaveLength(2);
  expect(said('"ev":"reload","ok":false')).toBe(2);
  expect(said('KIOS_CHRONYD_REFUSED')).toBe(2);
  reload.due();
  expect(await reload.run(signal)).toBeUndefined();
  expect(said('"ev":"reload","ok":true')).toBe(1);
});

it('ends with its signal', async () => {
  chronyd.isUp = false;
  await expect(reload.run(AbortSignal.abort())).rejects.toMatchObject({ code: 'KIOS_SYSCALL' });
  expect(lines).toEqual([]);
});
