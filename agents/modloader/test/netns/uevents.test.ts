import { execFileSync } from 'node:child_process';

import { openUevents } from '@kios/netlink';
import { syscall } from '@kios/syscall/raw';
import { requireRoot } from '@kios/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { UeventSender } from '../support/send-uevents.ts';
import { ueventContract } from '../support/uevents-contract.ts';

const CLONE_NEWNET = 0x40000000;
const UNSHARE: Readonly<Record<string, number>> = { x64: 272, arm64: 97 };
/** More than a receive buffer of any size holds. */
const MANY = 60_000;
/** Nearly the longest path in a message of the kernel's (UEVENT_BUFFER_SIZE). */
const LONGEST = 1950;

// The main thread alone, and with it the sockets and programs that it opens, moves into a namespace of its own.
beforeEach((context) => {
  requireRoot(context);
  syscall('unshare', UNSHARE[process.arch] ?? -1, [CLONE_NEWNET]);
});

describe("the kernel's events", () => {
  ueventContract((rejected) => {
    const source = openUevents(rejected);
    const sender = new UeventSender();
    return {
      source,
      kernelSends: (text) => sender.byKernel(text),
      programSends: (text) => sender.byProgram(Buffer.from(text)),
      lose: () => {
        for (let at = 0; at < MANY; at++) sender.byKernel(`add@/devices/lost/${at}\0ACTION=add\0`);
      },
    };
  });

  it('tell of a link that appears', async () => {
    const source = openUevents();
    execFileSync('ip', ['link', 'add', 'hot0', 'type', 'veth', 'peer', 'name', 'hot1']);
    const stop = new AbortController();
    for await (const event of source.events(stop.signal)) {
      if (event === 'overrun' || event.variables.get('INTERFACE') !== 'hot0') continue;
      expect(event).toMatchObject({ action: 'add', devpath: '/devices/virtual/net/hot0' });
      break;
    }
    stop.abort();
  });

  it('reads the longest message, drops one of more than 64 KiB, and goes on', async () => {
    const rejected: string[] = [];
    const source = openUevents((why) => rejected.push(why));
    using sender = new UeventSender();
    sender.byProgram(Buffer.alloc(64 * 1024 + 1, 'x'));
    sender.byProgram(Buffer.alloc(64 * 1024, 'x'));
    sender.byKernel(`add@/devices/test/${'x'.repeat(LONGEST)}\0ACTION=add\0`);
    sender.byKernel('add@/devices/test/last\0ACTION=add\0');
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const event of source.events(stop.signal)) {
      if (event === 'overrun' || !event.devpath.startsWith('/devices/test/')) continue;
      seen.push(event.devpath.length);
      if (event.devpath.endsWith('last')) break;
    }
    stop.abort();
    expect(seen).toEqual([LONGEST + 14, 18]);
    expect(rejected).toEqual(['malformed', 'sender']);
  });
});
