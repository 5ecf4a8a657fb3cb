import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

/** `ip netns exec` gives its child mounts of its own: none of these is seen outside, and all end with the program. */
const ENTER = `set -e
room=$1 root=$2 shared=$3 announce=$4; shift 4
mount -t tmpfs tmpfs "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$room/upper,workdir=$room/work" "$room/root"
for name in mnt proc sys dev; do mkdir -p "$room/root/$name"; done
for name in proc sys dev; do mount --rbind "/$name" "$room/root/$name"; done
mount --bind "$shared" "$room/root/mnt"
cd /
[ -z "$announce" ] || date "+entering %s.%N"
exec unshare --uts chroot "$room/root" "$@"`;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

export interface RoomOptions {
  /** Folder of the host that the program sees as /mnt. */
  readonly shared: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Prints `entering` and the wall clock's seconds right before the program begins. */
  readonly announce?: boolean;
}

/**
 * Starts a program of another system's root folder inside the namespace. It sees that root as its own, may write anywhere and name the
 * host as it likes; all of that is gone with it, save what is in the shared folder.
 */
export async function startInRoot(
  netns: Netns,
  root: string,
  command: readonly string[],
  { shared, env = {}, announce = false }: RoomOptions,
): Promise<RunningProcess> {
  const room = await mkdtemp(path.join(netns.folder, 'room-'));
  const inside = ['-c', ENTER, 'sh', room, root, shared, announce ? 'yes' : '', ...command];
  return netns.start('sh', inside, { PATH, LC_ALL: 'C', ...env });
}
