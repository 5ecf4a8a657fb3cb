import type { Rejection, Uevent, UeventOrLoss, UeventSource } from '@kios/netlink';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** A source of device events and those who send to it. */
export interface Stage {
  readonly source: UeventSource;
  /** Has the kernel send a message, whatever it says. */
  kernelSends(text: string): void;
  /** Has another program send to the kernel's group. */
  programSends(text: string): void;
  /** Has the kernel send more than the source keeps unread. */
  lose(): void;
}

const NAMED = (text: string): string => `${text}\0ACTION=add\0MODALIAS=pci:x\0`;

/** Reads events until one is of `last`. Those of other devices do not count: a machine may have news of its own. */
async function until(source: UeventSource, last: string, stop: AbortSignal): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of source.events(stop)) {
    const name = event === 'overrun' ? event : event.devpath;
    if (name === 'overrun' || name.startsWith('/devices/test/')) seen.push(name);
    if (name === last) return seen;
  }
  return seen;
}

const isEvent = (event: UeventOrLoss | undefined): event is Uevent =>
  event !== undefined && event !== 'overrun';

/** What every source of device events does, the kernel's socket and that of the tests. */
export function ueventContract(open: (rejected: (why: Rejection) => void) => Stage): void {
  let stop: AbortController;
  let rejected: Rejection[];
  let stage: Stage;
  beforeEach(() => {
    stop = new AbortController();
    rejected = [];
    stage = open((why) => rejected.push(why));
  });
  afterEach(() => stop.abort());

  it('keeps, in their order, what is sent before anybody reads', async () => {
    for (const name of ['a', 'b', 'c']) stage.kernelSends(NAMED(`add@/devices/test/${name}`));
    expect(await until(stage.source, '/devices/test/c', stop.signal)).toEqual([
      '/devices/test/a',
      '/devices/test/b',
      '/devices/test/c',
    ]);
    expect(rejected).toEqual([]);
  });

  it('reads the variables', async () => {
    stage.kernelSends('change@/devices/test/a\0ACTION=change\0MODALIAS=of:N=a\0SYNTH_UUID=0\0');
    let found: UeventOrLoss | undefined;
    for await (const event of stage.source.events(stop.signal)) {
      found = event;
      if (isEvent(found) && found.devpath === '/devices/test/a') break;
    }
    expect(isEvent(found) && found.action).toBe('change');
    expect(isEvent(found) && found.variables.get('MODALIAS')).toBe('of:N=a');
    expect(isEvent(found) && found.variables.get('SYNTH_UUID')).toBe('0');
  });

  it('goes on after messages that are no events', async () => {
    for (const text of ['', '\0\0\0', 'no devpath', '@', 'libudev\0junk', '\u{fffd}'.repeat(2000)])
      stage.kernelSends(text);
    stage.kernelSends(NAMED('add@/devices/test/last'));
    expect(await until(stage.source, '/devices/test/last', stop.signal)).toEqual([
      '/devices/test/last',
    ]);
    expect(new Set(rejected)).toEqual(new Set(['malformed']));
  });

  it("drops another program's messages", async () => {
    stage.programSends(NAMED('add@/devices/test/forged'));
    stage.kernelSends(NAMED('add@/devices/test/true'));
    expect(await until(stage.source, '/devices/test/true', stop.signal)).toEqual([
      '/devices/test/true',
    ]);
    expect(rejected).toEqual(['sender']);
  });

  it('says that events were lost, and goes on', async () => {
    stage.lose();
    let isLost = false;
    let last: UeventOrLoss | undefined;
    for await (last of stage.source.events(stop.signal)) {
      if (last === 'overrun') isLost = true;
      else if (last.devpath === '/devices/test/later') break;
      // Sent again and again, because there is no room before some of the rest is read.
      if (isLost) stage.kernelSends(NAMED('add@/devices/test/later'));
    }
    expect(isLost && isEvent(last)).toBe(true);
  });

  it('ends when it is stopped', async () => {
    const seen = until(stage.source, 'never', stop.signal);
    stop.abort();
    expect(await seen).toEqual([]);
  });
}
