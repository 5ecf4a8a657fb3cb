import { DecodeError } from '@kios/bytes';
import { isErrno, openNetlink } from '@kios/syscall';

const NETLINK_KOBJECT_UEVENT = 15;
const KERNEL_GROUP = 1;

/** The kernel's event about a device: `add@/devices/…` and its variables. */
export interface Uevent {
  readonly action: string;
  readonly devpath: string;
  readonly variables: ReadonlyMap<string, string>;
}

/** Parses a kernel uevent: `ACTION@DEVPATH`, then `KEY=value` strings, each NUL-terminated. */
export function parseUevent(bytes: Uint8Array): Uevent {
  const [head = '', ...rest] = new TextDecoder().decode(bytes).split('\0');
  const at = head.indexOf('@');
  if (at < 1) throw new DecodeError('decode uevent: it has no ACTION@DEVPATH');
  const pairs = rest.filter((line) => line.includes('='));
  const variables = new Map(
    pairs.map((line) => {
      const equals = line.indexOf('=');
      return [line.slice(0, equals), line.slice(equals + 1)] as const;
    }),
  );
  return { action: head.slice(0, at), devpath: head.slice(at + 1), variables };
}

/** The kernel's uevents, without those of udev and other programs. `overrun` means that some were lost. */
export interface UeventSource {
  events(signal: AbortSignal): AsyncIterable<Uevent | 'overrun'>;
}

/** Subscribes at once, so that no event after this call is missed even when iteration starts later. */
export function openUevents(): UeventSource {
  const channel = openNetlink(NETLINK_KOBJECT_UEVENT, [KERNEL_GROUP]);
  return { events: (signal) => follow(channel, signal) };
}

async function* follow(
  channel: ReturnType<typeof openNetlink>,
  signal: AbortSignal,
): AsyncGenerator<Uevent | 'overrun'> {
  using open = channel;
  for (;;) {
    let bytes: Uint8Array;
    try {
      bytes = await open.receive(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!isErrno(error, 'ENOBUFS')) throw error;
      yield 'overrun';
      continue;
    }
    yield parseUevent(bytes);
  }
}
