import path from 'node:path';

import { logWait } from '@kios/agent';
import type { Link } from '@kios/netlink';
import { lock, type Lock, SyscallError, tryLock } from '@kios/syscall';

import { isInUse } from '../../core/kernel/plan.ts';
import { readPresent } from '../kernel/apply.ts';
import { bootTime } from '../kernel/clock.ts';
import type { Folders } from '../lease/lease-files.ts';
import type { ClientPorts } from './client-options.ts';

/** Returns the file that one client per link locks. No other pod mounts its folder. */
export const lockFile = ({ state }: Folders, { name }: Pick<Link, 'name'>): string =>
  path.join(state, `${name}.lock`);

/**
 * Takes the link's lock. Two instances overlap when a pod is replaced: the second one waits until the first one's
 * client ends. A disk that is read-only or full must not cost the node its address: then it goes on without a lock.
 * `onHeld` is called when the other instance holds a lease.
 */
export async function lockLink(
  link: Link,
  ports: ClientPorts,
  onHeld: (() => void) | undefined,
  signal: AbortSignal,
): Promise<Lock | undefined> {
  const { log, files } = ports;
  const file = lockFile(files.folders, link);
  try {
    const taken = tryLock(file);
    if (taken !== undefined) return taken;
    if (onHeld !== undefined && (await isLeased(link, ports))) onHeld();
    return await lock(file, { signal, waiting: logWait(log, { link: link.name }) });
  } catch (err) {
    if (!(err instanceof SyscallError)) throw err;
    log.warn({ ev: 'lock.fail', link: link.name, err });
    return undefined;
  }
}

async function isLeased(link: Link, { files, rtnetlink }: ClientPorts): Promise<boolean> {
  const held = await files.readRunning(link.name, link.mac);
  const present = await readPresent(rtnetlink, link.index);
  return held !== undefined && present !== undefined && isInUse(held.held, present, bootTime());
}
