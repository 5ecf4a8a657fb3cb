import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

/** Entered by `ip netns exec`, which gives its child mounts of its own: nothing below is seen outside, and all ends with the program. */
const ENTER = `set -e
room=$1 root=$2 shared=$3; shift 3
mount -t tmpfs tmpfs "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$room/upper,workdir=$room/work" "$room/root"
for name in proc sys dev; do mount --rbind "/$name" "$room/root/$name"; done
mount --bind "$shared" "$room/root/mnt"
cd /
exec chroot "$room/root" "$@"`;

export interface RoomOptions {
  /** Folder of the host that the program sees as /mnt. */
  readonly shared: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a program of another system's root folder inside the namespace. It sees that root as its own and may write anywhere; what it
 * writes is gone with it, save in the shared folder.
 */
export async function startInRoot(
  netns: Netns,
  root: string,
  command: readonly string[],
  { shared, env = {} }: RoomOptions,
): Promise<RunningProcess> {
  const room = await mkdtemp(path.join(netns.folder, 'room-'));
  const own = { PATH: '/usr/sbin:/usr/bin', LC_ALL: 'C', ...env };
  const assignments = Object.entries(own).map(([name, value]) => `${name}=${value}`);
  const inside = ['/usr/bin/env', '-i', ...assignments, ...command];
  return netns.start('sh', ['-c', ENTER, 'sh', room, root, shared, ...inside]);
}

/** The folder with the DHCP servers and clients of another system, as `kios test` names it. */
export function dhcpPeers(): string | undefined {
  return process.env['KIOS_DHCP_PEERS'];
}
