import { describe, expect, it } from 'vitest';

import { Mailbox } from '../../src/edge/client/mailbox.ts';

const NEVER = new AbortController().signal;

describe('a mailbox', () => {
  it('returns items in order, including those put while take waits', async () => {
    const mailbox = new Mailbox<number>();
    mailbox.put(1);
    mailbox.put(2);
    expect([await mailbox.take(NEVER), await mailbox.take(NEVER)]).toEqual([1, 2]);
    const waiting = mailbox.take(NEVER);
    mailbox.put(3);
    expect(await waiting).toBe(3);
  });

  it('refuses items of strangers while too many wait, and none of its own', async () => {
    const mailbox = new Mailbox<number>();
    const taken = Array.from({ length: 1000 }, (_, at) => mailbox.offer(at));
    expect(taken.filter(Boolean)).toHaveLength(256);
    mailbox.put(1000);
    expect(mailbox.offer(1001)).toBe(false);
    await mailbox.take(NEVER);
    await mailbox.take(NEVER);
    expect(mailbox.offer(1002)).toBe(true);
  });

  it('ends a wait when the signal is raised', async () => {
    const stop = new AbortController();
    const waiting = new Mailbox<number>().take(stop.signal);
    stop.abort();
    expect(await waiting).toBeUndefined();
  });

  it('rejects the take that waits and every later one after a failure', async () => {
    const mailbox = new Mailbox<number>();
    const waiting = mailbox.take(NEVER);
    mailbox.fail(new Error('socket gone'));
    await expect(waiting).rejects.toThrow('socket gone');
    await expect(mailbox.take(NEVER)).rejects.toThrow('socket gone');
  });
});
