import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import {
  type Ask,
  lostInterrupt,
  resetWhenStuck,
} from '../../../../src/lab/qemu/lost-interrupt.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** What QEMU 10.0 shows of two processors, shortened. */
const registers = (...processors: readonly string[]): string =>
  processors
    .map((line, number) => `\r\nCPU#${number}\r\nRAX=0 RBX=0\r\n${line}\r\nES =0000\r\n`)
    .join('')
    .replaceAll('\r\n', '\n');

const asleep = 'RIP=ffffffff8b85075b RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1';
const stopped = asleep.replace('00000246', '00000046');
const running = asleep.replace('HLT=1', 'HLT=0');
const inFirmware = asleep.replace('ffffffff8b85075b', '000000007f98710f');

const lapic = (isr: string): string =>
  `dumping local APIC state for CPU 1 \n\nESR\t 0x00000000\nISR\t ${isr}\nIRR\t 33 34 236 \n`;

/** A machine of which the second processor has this in service. */
function machine(second: string, isr: string) {
  const commands: string[] = [];
  const ask: Ask = async (command, args) => {
    const line = args?.['command-line'] ?? command;
    commands.push(line);
    if (line.startsWith('info registers')) return registers(asleep, second);
    return line === 'info lapic 1' ? lapic(isr) : lapic('(none)');
  };
  return { ask, commands };
}

it('finds the interrupt that a processor sleeps on', async () => {
  const lost = await lostInterrupt(machine(asleep, '236 ').ask);
  expect(lost).toBe('vector 236 of processor 1');
});

it.each([
  ['has served all', asleep, '(none)'],
  ['serves one', running, '236 '],
  ['was stopped for good', stopped, '236 '],
  ['is in the firmware', inFirmware, '32 '],
])('finds none when the processor %s', async (_, second, isr) => {
  expect(await lostInterrupt(machine(second, isr).ask)).toBeUndefined();
});

it('resets the machine at the second look, says so, and looks on', async () => {
  const { ask, commands } = machine(asleep, '236 ');
  const told: string[] = [];
  const stop = new AbortController();
  resetWhenStuck(ask, stop.signal, (line) => told.push(line));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(commands).not.toContain('system_reset');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(commands.filter((command) => command === 'system_reset')).toHaveLength(1);
  expect(told).toEqual([
    'QEMU lost an interrupt (vector 236 of processor 1), as no machine does: it was reset',
  ]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told).toHaveLength(2);
  stop.abort();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toHaveLength(2);
});

it('goes on when QEMU does not reply', async () => {
  const { ask } = machine(asleep, '236 ');
  const told: string[] = [];
  const stop = new AbortController();
  let asked = 0;
  const busy: Ask = async (...question) => {
    asked += 1;
    if (asked === 1) throw new Error('no reply');
    return ask(...question);
  };
  resetWhenStuck(busy, stop.signal, (line) => told.push(line));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(told).toHaveLength(1);
  stop.abort();
});
