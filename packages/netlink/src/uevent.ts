import { setImmediate as turn } from 'node:timers/promises';

import { DecodeError } from '@kios/bytes';
import { type Channel, isErrno, openNetlink, type Received } from '@kios/syscall';

const NETLINK_KOBJECT_UEVENT = 15;
const KERNEL_GROUP = 1;
/**
 * Asked for because a bus with thousands of devices speaks at once. The kernel gives as much as `net.core.rmem_max`
 * says; init sets that, so that nobody needs CAP_NET_ADMIN for more (SO_RCVBUFFORCE).
 */
export const UEVENT_BUFFER_BYTES = 8 << 20;
/** Datagrams read before other work has its turn: a flood must not stop signals and timers. */
const BATCH = 128;
/** `struct sockaddr_nl`: family, padding, then the sender's id and the mask of its groups at these offsets. */
const SOCKADDR = { length: 12, pid: 4, groups: 8 } as const;
const GROUP_MASK = 1 << (KERNEL_GROUP - 1);

const decoder = new TextDecoder();

/** The kernel's event about a device: `add@/devices/…` and its variables. */
export interface Uevent {
  readonly action: string;
  readonly devpath: string;
  readonly variables: ReadonlyMap<string, string>;
  /** What the device is, as modules are asked for: every MODALIAS. ACPI devices have two. */
  readonly aliases: readonly string[];
}

/** Parses a kernel uevent: `ACTION@DEVPATH`, then `KEY=value` strings, each NUL-terminated. */
export function parseUevent(bytes: Uint8Array): Uevent {
  const [head = '', ...rest] = decoder.decode(bytes).split('\0');
  const at = head.indexOf('@');
  if (at < 1) throw new DecodeError('decode uevent: it has no ACTION@DEVPATH');
  const pairs = rest.flatMap((line) => {
    const equals = line.indexOf('=');
    return equals < 0 ? [] : [[line.slice(0, equals), line.slice(equals + 1)] as const];
  });
  const aliases = pairs.flatMap(([key, value]) => (key === 'MODALIAS' ? [value] : []));
  const [action, devpath] = [head.slice(0, at), head.slice(at + 1)];
  return { action, devpath, variables: new Map(pairs), aliases };
}

/** Why a datagram does not count: another program sent it, or it is not an event. */
export type Rejection = 'sender' | 'malformed';

/** `overrun`: the kernel lost events, because nobody read them in time. */
export type UeventOrLoss = Uevent | 'overrun';

/** The kernel's uevents. What udev and other programs send is rejected, and so is what cannot be read. */
export interface UeventSource {
  events(signal: AbortSignal): AsyncIterable<UeventOrLoss>;
}

/** Returns whether the kernel sent a message, and to the group of its events. */
export function isFromKernel(from: Uint8Array): boolean {
  if (from.length < SOCKADDR.length) return false;
  const address = Buffer.from(from.buffer, from.byteOffset, from.length);
  return (
    address.readUInt32LE(SOCKADDR.pid) === 0 && address.readUInt32LE(SOCKADDR.groups) === GROUP_MASK
  );
}

/** Returns the event of a message, or why it does not count. */
export function judgeUevent(received: Received | 'too long'): Uevent | Rejection {
  if (received === 'too long') return 'malformed';
  if (!isFromKernel(received.from)) return 'sender';
  try {
    return parseUevent(received.message);
  } catch (error) {
    if (error instanceof DecodeError) return 'malformed';
    throw error;
  }
}

/**
 * Subscribes at once, so that no event after this call is missed even when iteration starts later. `rejected` hears of
 * every message that does not count.
 */
export function openUevents(rejected: (why: Rejection) => void = () => undefined): UeventSource {
  const channel = openNetlink(NETLINK_KOBJECT_UEVENT, [KERNEL_GROUP], UEVENT_BUFFER_BYTES);
  return { events: (signal) => follow(channel, signal, rejected) };
}

type Read = Received | 'too long' | 'overrun' | undefined;

function readNext(channel: Channel): Read {
  try {
    return channel.readFrom();
  } catch (error) {
    if (isErrno(error, 'ENOBUFS')) return 'overrun';
    throw error;
  }
}

async function* follow(
  channel: Channel,
  signal: AbortSignal,
  rejected: (why: Rejection) => void,
): AsyncGenerator<UeventOrLoss> {
  using open = channel;
  for (let count = 1; !signal.aborted; count++) {
    if (count % BATCH === 0) await turn();
    const read = readNext(open);
    if (read === undefined) {
      if (!(await waitFor(open, signal))) return;
      continue;
    }
    const event = read === 'overrun' ? read : judgeUevent(read);
    if (event === 'sender' || event === 'malformed') rejected(event);
    else yield event;
  }
}

/** Returns whether there is something to read; not when it is to stop. */
async function waitFor(channel: Channel, signal: AbortSignal): Promise<boolean> {
  try {
    await channel.readable(signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
