import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { panicCause } from '../../../../src/lab/qemu/panic-cause.ts';

/** Returns the lines of a console from an oops to the panic, as the serial port carries them. */
function upToPanic(vector: string): string[] {
  const file = path.join(import.meta.dirname, 'vectors', vector);
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.slice(
    0,
    lines.findIndex((line) => line.includes('Kernel panic')),
  );
}

describe('the cause of a panic', () => {
  it('is the first oops on x86_64: its fault, where it was, its code and who called', () => {
    expect(panicCause(upToPanic('oops-amd64.txt'))).toEqual([
      'Oops: int3: 0000 [#1] PREEMPT SMP NOPTI',
      'CPU: 0 UID: 0 PID: 8 Comm: kworker/0:0 Not tainted 6.12.0-rc4-00003-g6fad274f06f0 #1',
      'RIP: 0010:__schedule+0x342/0x8f0',
      'Code: 48 29 c1 49 01 8c 24 60 04 00 00 4d 85 ed 74 0f 49 01 8d 30 0c 00 00 49 83 85 4',
      'Call Trace:',
      ' schedule+0x22/0xd0',
      ' worker_thread+0x1a2/0x3b0',
      ' kthread+0xd1/0x100',
      ' ret_from_fork+0x2f/0x50',
      ' ret_from_fork_asm+0x1a/0x30',
    ]);
  });

  it('is the first oops on arm64', () => {
    expect(panicCause(upToPanic('oops-arm64.txt'))).toEqual([
      'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000',
      'Internal error: Oops: 86000004 [#1] PREEMPT SMP',
      'CPU: 15 PID: 0 Comm: swapper/15 Not tainted 5.17.0-rc2-00212-g3bed06e36994-dirty #1',
      'pc : 0x0',
      'lr : call_timer_fn.constprop.0+0x20/0x80',
      'Call trace:',
      ' 0x0',
      ' __run_timers.part.0+0x1e8/0x220',
      ' run_timer_softirq+0x38/0x70',
      ' _stext+0x124/0x29c',
      ' __irq_exit_rcu+0xdc/0xfc',
      ' irq_exit_rcu+0xc/0x14',
      ' el1_interrupt+0x34/0x80',
      ' el1h_64_irq_handler+0x14/0x1c',
    ]);
  });

  it.each([
    'BUG: kernel NULL pointer dereference, address: 0000000000000010',
    'BUG: unable to handle page fault for address: ffffc90000402000',
    'Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP',
    'general protection fault, maybe for address 0x1: 0000 [#1] SMP',
    'int3: 0000 [#1] PREEMPT SMP',
    'kernel BUG at mm/rmap.c:1380!',
    'watchdog: BUG: soft lockup - CPU#2 stuck for 23s! [kworker/2:1:77]',
  ])('begins with a line like: %s', (fault) => {
    const lines = ['an unrelated line', fault, 'RIP: 0010:somewhere+0x1/0x2', 'an unrelated line'];
    expect(panicCause(lines.map((text) => `[    1.000000] ${text}\r`))).toEqual([
      fault,
      'RIP: 0010:somewhere+0x1/0x2',
    ]);
  });

  it('is bounded, and so is each of its lines', () => {
    const line = '[    1.000000] BUG: '.padEnd(5000, 'x');
    const cause = panicCause([
      ...Array.from({ length: 100 }, () => line),
      '[    1.000000] Call Trace:',
      ...Array.from({ length: 100 }, (_, at) => `[    1.000000]  call${at}+0x1/0x2`),
    ]);
    expect(cause.length).toBeLessThanOrEqual(16);
    expect(cause.at(-1)).toMatch(/^ call\d+/);
    for (const { length } of [...cause, ...panicCause(['x'.repeat(5000)])])
      expect(length).toBeLessThanOrEqual(200);
  });

  it('is what the console showed last when there was no oops', () => {
    const lines = [
      '\u001B[2J\u001B[01;01HBdsDxe: starting Boot0001',
      '[    1.1] a',
      '[    1.2] b',
      '[    1.3] c',
      '[    1.4] d',
      "[    1.5] /dev/root: Can't open blockdev",
    ];
    expect(panicCause(lines)).toEqual(lines.slice(1));
    expect(panicCause(lines.slice(0, 1))).toEqual(['BdsDxe: starting Boot0001']);
    expect(panicCause([])).toEqual([]);
  });
});
