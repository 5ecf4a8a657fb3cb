import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';
import { dhcpPeers } from './server.ts';

/** What a router announces on `srv0`. */
export interface Announcement {
  readonly managed?: boolean;
  readonly other?: boolean;
  /** A prefix for addresses that hosts make themselves. */
  readonly prefix?: string;
  readonly dns?: readonly string[];
  readonly search?: readonly string[];
  /** Of name servers and search domains. */
  readonly lifetimeSeconds?: number;
  /** Hosts that ask are all that it announces itself to for a while. */
  readonly seldom?: boolean;
}

const onOff = (value = false): string => (value ? 'on' : 'off');

function configuration(announcement: Announcement): string {
  const { managed, other, prefix, dns = [], search = [], lifetimeSeconds = 600 } = announcement;
  const { seldom = false } = announcement;
  return [
    'interface srv0 {',
    'AdvSendAdvert on;',
    ...(seldom ? [] : ['MinRtrAdvInterval 3;', 'MaxRtrAdvInterval 4;']),
    `AdvManagedFlag ${onOff(managed)};`,
    `AdvOtherConfigFlag ${onOff(other)};`,
    ...(prefix === undefined ? [] : [`prefix ${prefix} { };`]),
    ...(dns.length === 0
      ? []
      : [`RDNSS ${dns.join(' ')} { AdvRDNSSLifetime ${lifetimeSeconds}; };`]),
    ...(search.length === 0
      ? []
      : [`DNSSL ${search.join(' ')} { AdvDNSSLLifetime ${lifetimeSeconds}; };`]),
    '};',
    '',
  ].join('\n');
}

/** A router whose announcements may change while it runs. */
export class Radvd {
  readonly process: RunningProcess;
  readonly #file: string;

  private constructor(process: RunningProcess, file: string) {
    this.process = process;
    this.#file = file;
  }

  static async start(netns: Netns, announcement: Announcement): Promise<Radvd> {
    const shared = await mkdtemp(path.join(netns.folder, 'radvd-'));
    const file = path.join(shared, 'radvd.conf');
    await writeFile(file, configuration(announcement), { mode: 0o644 });
    // It refuses to announce where the kernel does not route.
    await netns.exec('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    const files = ['-C', '/mnt/radvd.conf', '-p', '/mnt/radvd.pid'];
    const command = ['/usr/sbin/radvd', '-n', '-d', '3', '-m', 'stderr', ...files];
    const process = await startInRoot(netns, dhcpPeers(), command, { shared });
    await process.expect('config file, /mnt/radvd.conf, syntax ok');
    return new Radvd(process, file);
  }

  /** Announces something else from now on. */
  async announce(announcement: Announcement): Promise<void> {
    await writeFile(this.#file, configuration(announcement));
    process.kill(this.process.pid, 'SIGHUP');
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.process.stop(signal);
  }
}
