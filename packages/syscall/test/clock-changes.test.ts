import { describe, expect, it } from 'vitest';

import { openClockChanges } from '../src/index.ts';
import { libc } from '../src/libc.ts';

const ADJ_SETOFFSET = 0x0100;
const ADJ_NANO = 0x2000;

/** Sets the clock forward by a nanosecond. Returns whether this process may. */
function nudgeClock(): boolean {
  const timex = Buffer.alloc(208);
  timex.writeUInt32LE(ADJ_SETOFFSET | ADJ_NANO, 0);
  timex.writeBigInt64LE(1n, 80);
  return libc.adjtimex()(timex) >= 0;
}

describe('changes of the clock', () => {
  it('are told each time that someone sets it, also while nobody waits', async (context) => {
    using changes = openClockChanges();
    if (!nudgeClock()) {
      if (process.env['KIOS_REQUIRE_ROOT'] === '1') throw new Error('this test needs CAP_SYS_TIME');
      context.skip('needs CAP_SYS_TIME');
    }
    await changes.changed();
    let told = 0;
    const next = changes.changed().then(() => told++);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toBe(0);
    nudgeClock();
    await next;
    expect(told).toBe(1);
  });

  it('are no longer waited for when the wait is aborted or closed', async () => {
    const changes = openClockChanges();
    const stop = new AbortController();
    const first = changes.changed(stop.signal);
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    const second = changes.changed();
    changes[Symbol.dispose]();
    await expect(second).rejects.toMatchObject({ code: 'KIOS_SYSCALL' });
  });
});
