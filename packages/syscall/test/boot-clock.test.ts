import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { bootClock, openBootTimer } from '../src/index.ts';

describe('the boot clock', () => {
  it('agrees with /proc/uptime', () => {
    const uptime = Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]) * 1000;
    const now = bootClock();
    expect(now).toBeGreaterThanOrEqual(uptime);
    // /proc/uptime counts in hundredths of a second, and this machine may be busy.
    expect(now - uptime).toBeLessThan(1000);
  });
});

describe('a timer of the boot clock', () => {
  it('fires at its time, not before', async () => {
    using timer = openBootTimer();
    const at = bootClock() + 30.4;
    timer.set(at);
    await timer.fired();
    expect(bootClock()).toBeGreaterThanOrEqual(at);
  });

  it('fires at once when overdue, even for time zero', async () => {
    using timer = openBootTimer();
    const start = bootClock();
    timer.set(0);
    await timer.fired();
    timer.set(start - 1000);
    await timer.fired();
    expect(bootClock() - start).toBeLessThan(5000);
  });

  it('drops its time when it is set again or disarmed', async () => {
    using timer = openBootTimer();
    timer.set(bootClock() + 10);
    const later = bootClock() + 60;
    timer.set(later);
    await timer.fired();
    expect(bootClock()).toBeGreaterThanOrEqual(later);
    timer.set(bootClock() + 5);
    timer.set(undefined);
    using other = openBootTimer();
    other.set(bootClock() + 20);
    const stop = new AbortController();
    const fired = timer.fired(stop.signal).then(
      () => true,
      () => false,
    );
    await other.fired();
    stop.abort();
    expect(await fired).toBe(false);
  });
});
