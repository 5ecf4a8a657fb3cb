import { describe, expect, it } from 'vitest';

import { Mailbox } from '../../src/edge/mailbox.ts';

const NEVER = new AbortController().signal;

describe('a mailbox', () => {
  it('gives items in order, those that come while somebody waits too', async () => {
    const mailbox = new Mailbox<number>();
    mailbox.put(1);
    mailbox.put(2);
    expect([await mailbox.take(undefined, NEVER), await mailbox.take(undefined, NEVER)]).toEqual([
      1, 2,
    ]);
    const waiting = mailbox.take(undefined, NEVER);
    mailbox.put(3);
    expect(await waiting).toBe(3);
  });

  it('answers nothing when time is up, or has been for long', async () => {
    const mailbox = new Mailbox<number>();
    expect(await mailbox.take(5, NEVER)).toBeUndefined();
    expect(await mailbox.take(-1000, NEVER)).toBeUndefined();
  });

  it('does not take a far time for a near one', async () => {
    const mailbox = new Mailbox<string>();
    const waiting = mailbox.take(2 ** 40, NEVER);
    setTimeout(() => mailbox.put('item'), 20);
    expect(await waiting).toBe('item');
  });

  it('ends a wait when told to stop', async () => {
    const stop = new AbortController();
    const waiting = new Mailbox<number>().take(undefined, stop.signal);
    stop.abort();
    expect(await waiting).toBeUndefined();
  });

  it('fails who waits, and who comes later', async () => {
    const mailbox = new Mailbox<number>();
    const waiting = mailbox.take(undefined, NEVER);
    mailbox.fail(new Error('socket gone'));
    await expect(waiting).rejects.toThrow('socket gone');
    await expect(mailbox.take(undefined, NEVER)).rejects.toThrow('socket gone');
  });
});
