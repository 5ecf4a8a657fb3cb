import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

export interface DnsmasqOptions {
  readonly interface: string;
  /** First and last address, mask and lease time as dnsmasq wants them: `10.0.0.10,10.0.0.20,255.255.255.0,2m`. */
  readonly range: string;
  /** `--dhcp-option` values, e.g. `6,10.0.0.1`; `option-force:` prefix for options not asked for. */
  readonly options?: readonly string[];
  readonly rapidCommit?: boolean;
  /** Answers clients it does not know with a NAK, as the only server of a network may. */
  readonly authoritative?: boolean;
  /** Where leases are kept; a fresh file when absent. */
  readonly leaseFile?: string;
  readonly extra?: readonly string[];
}

/** dnsmasq as DHCP server only, ready to answer when this returns. Its log is the process's output. */
export async function startDnsmasq(netns: Netns, options: DnsmasqOptions): Promise<RunningProcess> {
  const folder = await mkdtemp(path.join(netns.folder, 'dnsmasq-'));
  const server = netns.start('dnsmasq', [
    '--conf-file=/dev/null',
    '--keep-in-foreground',
    '--log-facility=-',
    '--log-dhcp',
    '--port=0',
    '--no-ping',
    '--bind-interfaces',
    '--user=root',
    `--pid-file=${path.join(folder, 'pid')}`,
    `--interface=${options.interface}`,
    `--dhcp-range=${options.range}`,
    `--dhcp-leasefile=${options.leaseFile ?? path.join(folder, 'leases')}`,
    ...(options.options ?? []).map((option) => `--dhcp-option=${option}`),
    ...(options.rapidCommit === true ? ['--dhcp-rapid-commit'] : []),
    ...(options.authoritative === true ? ['--dhcp-authoritative'] : []),
    ...(options.extra ?? []),
  ]);
  await server.expect('sockets bound exclusively to interface');
  return server;
}
