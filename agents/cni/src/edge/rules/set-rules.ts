import { readFile } from 'node:fs/promises';

import { type Logger, retryDelay, sleep } from '@kios/agent';
import { ByteReader } from '@kios/bytes';
import { KiosError } from '@kios/errors';
import { decodeMessages, NLMSG } from '@kios/netlink/message';
import { isErrno, openNetlink, SyscallError } from '@kios/syscall';

import type { PodNetwork } from '../../core/network/pod-network.ts';
import { type ConnectionTable, NETFILTER, podRules } from '../../core/rules/pod-rules.ts';

const TABLE = 'kios-cni';
/** Time for modloader to load nf_tables, which comes after the drivers of devices. */
const DEADLINE_MS = 60_000;
/** Errors that the kernel returns while a module is missing. */
const NOT_YET = ['EPROTONOSUPPORT', 'ENOENT', 'EOPNOTSUPP', 'ENODEV'];

/** The kernel's largest table, and its longest time for a connection that has ended. */
const DEFAULTS = { max: 262_144, tcp_timeout_time_wait: 120, tcp_timeout_close: 10 } as const;

/** Reads a setting of connection tracking. A kernel without the setting, which is 0 for no limit, has its default. */
async function readSetting(name: keyof typeof DEFAULTS): Promise<number> {
  const text = await readFile(`/proc/sys/net/netfilter/nf_conntrack_${name}`, 'utf8').catch(
    () => '',
  );
  return Number(text) || DEFAULTS[name];
}

async function readTable(): Promise<ConnectionTable> {
  const [places, timeWait, close] = await Promise.all([
    readSetting('max'),
    readSetting('tcp_timeout_time_wait'),
    readSetting('tcp_timeout_close'),
  ]);
  return { places, closingSeconds: Math.max(timeWait, close) };
}

/** Sends the rules and waits until the last request is acknowledged. Throws the first error as a SyscallError. */
async function commit(network: PodNetwork, signal: AbortSignal): Promise<void> {
  const { batch, last } = podRules(TABLE, network, await readTable());
  using channel = openNetlink(NETFILTER, []);
  channel.send(batch);
  for (;;) {
    for (const { type, sequence, payload } of decodeMessages(await channel.receive(signal))) {
      if (type !== NLMSG.error) continue;
      const errno = new ByteReader(payload).i32le();
      if (errno < 0)
        throw new SyscallError('netlink', -errno, `make request ${sequence} for table ${TABLE}`);
      if (sequence === last) return;
    }
  }
}

/**
 * Lets pods reach the world under the node's address, closes the platform's services to them and leaves the node a part
 * of the kernel's table of connections. A kernel that cannot do it only causes an error line: the node works without
 * it, and its pods reach each other.
 */
export async function setPodRules(
  network: PodNetwork,
  log: Logger,
  signal: AbortSignal,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (let failures = 1; ; failures++) {
    try {
      await commit(network, signal);
      return log.info({ ev: 'rules', table: TABLE });
    } catch (cause) {
      if (!(cause instanceof SyscallError)) throw cause;
      const hopeless = !NOT_YET.some((errno) => isErrno(cause, errno));
      if (hopeless || performance.now() >= deadline) {
        const err = new KiosError('KIOS_CNI_RULES', 'set the rules of the pod network', { cause });
        return log.error({ ev: 'rules.failed', err });
      }
    }
    // The node turns Ready only afterwards, so the pause stays short.
    await sleep(retryDelay({ firstMs: 100, maxMs: 500 }, failures), signal);
  }
}
