import { setImmediate as turn } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { EventQueue } from '../../src/edge/devices/event-queue.ts';
import { FakeUevents, ueventOf } from '../support/fake-uevents.ts';

let stop: AbortController;
let uevents: FakeUevents;
let queue: EventQueue;
beforeEach(() => {
  stop = new AbortController();
  uevents = new FakeUevents();
  queue = new EventQueue(uevents, stop.signal);
});
afterEach(() => {
  stop.abort();
  vi.useRealTimers();
});

/** Lets the queue read all that has been sent, which takes no turn of the event loop. */
const settle = async (): Promise<void> => turn();

describe('the queue of device events', () => {
  it.each(['add', 'bind', 'change'])('takes the device of the event %s', async (action) => {
    uevents.send(ueventOf('pci:a', action));
    expect(await queue.next()).toEqual({ aliases: ['pci:a'], isOverrun: false });
  });

  it('takes both aliases of an ACPI device', async () => {
    uevents.send('add@/devices/x\0ACTION=add\0MODALIAS=acpi:A:\0SEQNUM=7\0MODALIAS=of:NbT\0');
    expect((await queue.next()).aliases).toEqual(['acpi:A:', 'of:NbT']);
  });

  it('leaves out devices that go, and events without an alias', async () => {
    uevents.send(ueventOf('pci:gone', 'remove'));
    uevents.send('add@/devices/x\0ACTION=add\0SUBSYSTEM=net\0');
    uevents.send(ueventOf('pci:there'));
    expect((await queue.next()).aliases).toEqual(['pci:there']);
  });

  it('takes a synthetic event as any other', async () => {
    uevents.send('add@/devices/x\0ACTION=add\0MODALIAS=pci:a\0SYNTH_UUID=0\0');
    expect((await queue.next()).aliases).toEqual(['pci:a']);
  });

  it('keeps what comes while nobody asks, each kind once', async () => {
    for (const alias of ['pci:a', 'pci:b', 'pci:a']) uevents.send(ueventOf(alias));
    await settle();
    expect((await queue.next()).aliases).toEqual(['pci:a', 'pci:b']);
    const next = queue.next();
    uevents.send(ueventOf('pci:a'));
    expect((await next).aliases).toEqual(['pci:a']);
  });

  it('asks for one walk after lost events, once the burst is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    uevents.overrun();
    await settle();
    uevents.overrun();
    await settle();
    const batch = queue.next();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await batch).toEqual({ aliases: [], isOverrun: true });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('asks less and less often while events are lost again and again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const started = performance.now();
      uevents.overrun();
      await settle();
      const batch = queue.next();
      await vi.runOnlyPendingTimersAsync();
      await batch;
      waits.push(performance.now() - started);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('drops kinds beyond a bound, and has them found by a walk', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    for (let at = 0; at < 5000; at++) uevents.send(ueventOf(`pci:${at}`));
    await settle();
    expect((await queue.next()).aliases.length).toBeLessThan(1000);
    const walk = queue.next();
    await vi.advanceTimersByTimeAsync(1000);
    expect((await walk).isOverrun).toBe(true);
  });

  it('tells listeners of every event, until they have enough', async () => {
    const heard: string[] = [];
    const forget = queue.listen((event) => heard.push(event === 'overrun' ? event : event.devpath));
    uevents.send('add@/devices/net/eth0\0ACTION=add\0');
    await settle();
    forget();
    uevents.send('add@/devices/net/eth1\0ACTION=add\0');
    await settle();
    expect(heard).toEqual(['/devices/net/eth0']);
  });

  it.each(['before', 'after'])('rejects when it is stopped %s the question', async (when) => {
    if (when === 'before') stop.abort(new Error('stopped'));
    const next = queue.next();
    stop.abort(new Error('stopped'));
    await expect(next).rejects.toThrow('stopped');
    await expect(queue.next()).rejects.toThrow('stopped');
  });

  it('rejects when the source fails', async () => {
    const broken = {
      // oxlint-disable-next-line require-yield -- it fails at once
      async *events() {
        throw new Error('no more');
      },
    };
    const failing = new EventQueue(broken, stop.signal);
    await expect(failing.next()).rejects.toThrow('no more');
  });
});
