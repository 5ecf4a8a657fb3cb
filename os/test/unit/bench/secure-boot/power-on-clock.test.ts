import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import {
  kernelStart,
  lastUp,
  parseTimer,
  ticksAfter,
} from '../../../../src/bench/secure-boot/power-on-clock.ts';

const TURN = 2 ** 24;
const HERTZ = 3_579_545;

const replyOf = (ticks: number): string =>
  `portl[0x0608] = 0x${(ticks % TURN).toString(16).padStart(8, '0')}\r\n`;
const line = (up: number): string => `{"agent":"init","ev":"x","lvl":"info","up":${up}}\n`;

it('reads the timer from what the monitor says', () => {
  expect(parseTimer('portl[0x0608] = 0x00a1b2c3\r\n')).toBe(0xa1b2c3);
});

it('knows that the timer has no place yet', () => {
  expect(parseTimer('portl[0x0608] = 0xffffffff\r\n')).toBeUndefined();
});

it.each(['unknown command: i\r\n', '', undefined])('does not take %j for a timer', (reply) => {
  expect(() => parseTimer(reply)).toThrow('does not read a port');
});

it('counts on where the timer begins anew', () => {
  const steps = fc.array(fc.nat(TURN - 1));
  fc.assert(
    fc.property(steps, (each) => {
      let [real, counted] = [0, 0];
      for (const step of each) {
        real += step;
        counted = ticksAfter(counted, real % TURN);
      }
      expect(counted).toBe(real);
    }),
  );
});

it('takes the time of the last whole line that has one', () => {
  expect(lastUp(`firmware\n${line(1.5)}${line(2.25)}no event\n{"agent":"init","ev":"x","up":9`)).toBe(2.25); // prettier-ignore
  expect(lastUp('firmware\n')).toBeUndefined();
  expect(lastUp('')).toBeUndefined();
});

it('finds the start of the kernel by the line that was seen soonest', async () => {
  // The guest's seconds at each look, and its console then. The timer begins anew after 4.69 s.
  const looks = [
    [1, ''],
    [4.6, 'firmware\n'],
    [9, 'firmware\n'],
    [9.5, line(0.3)],
    [10, line(0.3) + line(0.95)],
    [12, line(0.3) + line(0.95)],
  ] as const;
  const ended = new AbortController();
  let at = 0;
  const start = await kernelStart(
    {
      console: async () => looks[at]![1],
      timer: async () => {
        const [seconds] = looks[at]!;
        if (at === looks.length - 1) ended.abort();
        at += 1;
        return replyOf(Math.round(seconds * HERTZ));
      },
    },
    ended.signal,
  );
  expect(start).toBeCloseTo(9.05, 5);
});

it('fails where no line has a time', async () => {
  const ended = new AbortController();
  const timer = async (): Promise<string> => {
    ended.abort();
    return replyOf(1);
  };
  const reader = { console: async () => 'firmware\n', timer };
  await expect(kernelStart(reader, ended.signal)).rejects.toThrow('no line');
});
