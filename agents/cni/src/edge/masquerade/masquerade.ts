import { type Logger, retryDelay, sleep } from '@kios/agent';
import { ByteReader } from '@kios/bytes';
import { KiosError } from '@kios/errors';
import { decodeMessages, NLMSG } from '@kios/netlink/message';
import { isErrno, openNetlink, SyscallError } from '@kios/syscall';

import { LAST_SEQUENCE, masquerade, NETFILTER } from '../../core/masquerade/nftables.ts';

const TABLE = 'kios-cni';
/** Time for modloader to load nf_tables, which comes after the drivers of devices. */
const DEADLINE_MS = 60_000;
/** Errors that the kernel returns while a module is missing. */
const NOT_YET = ['EPROTONOSUPPORT', 'ENOENT', 'EOPNOTSUPP', 'ENODEV'];

/** Sends one batch and waits until its last request is acknowledged. Throws the first error as a SyscallError. */
async function commit(batch: Uint8Array, signal: AbortSignal): Promise<void> {
  using channel = openNetlink(NETFILTER, []);
  channel.send(batch);
  for (;;) {
    for (const { type, sequence, payload } of decodeMessages(await channel.receive(signal))) {
      if (type !== NLMSG.error) continue;
      const errno = new ByteReader(payload).i32le();
      if (errno < 0)
        throw new SyscallError('netlink', -errno, `make request ${sequence} for table ${TABLE}`);
      if (sequence === LAST_SEQUENCE) return;
    }
  }
}

/**
 * Lets pods reach the world under the node's address. A kernel that cannot do it only causes a warning: the node works
 * without it, and its pods reach each other.
 */
export async function setUpMasquerade(
  network: readonly [a: number, b: number],
  log: Logger,
  signal: AbortSignal,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const batch = masquerade(TABLE, network);
  const deadline = performance.now() + deadlineMs;
  for (let failures = 1; ; failures++) {
    try {
      await commit(batch, signal);
      return log.info({ ev: 'masquerade', table: TABLE });
    } catch (cause) {
      if (!(cause instanceof SyscallError)) throw cause;
      const hopeless = !NOT_YET.some((errno) => isErrno(cause, errno));
      if (hopeless || performance.now() >= deadline) {
        const err = new KiosError('KIOS_CNI_MASQUERADE', 'masquerade pods', { cause });
        return log.warn({ ev: 'masquerade.failed', err });
      }
    }
    await sleep(retryDelay({ firstMs: 250, maxMs: 5000 }, failures), signal);
  }
}
