import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

/** `ip netns exec` gives its child its own mounts: these are invisible outside and end with the program. */
const ENTER = `set -e
scratch=$1 root=$2 shared=$3 announce=$4 cards=$5; shift 5
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
for name in mnt proc sys dev; do mkdir -p "$scratch/root/$name"; done
for name in proc sys dev; do mount --rbind "/$name" "$scratch/root/$name"; done
mount --bind "$shared" "$scratch/root/mnt"
[ -z "$cards" ] || mount -t tmpfs cards "$scratch/root/sys/class/net"
for card in $cards; do mkdir -p "$scratch/root/sys/class/net/$card/device"; done
cd /
[ -z "$announce" ] || date "+entering %s.%N"
exec unshare --uts chroot "$scratch/root" "$@"`;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

export interface ChrootOptions {
  /** Folder of the workstation that the program sees as /mnt. */
  readonly shared: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Prints `entering` and the wall clock's seconds right before the program starts. */
  readonly announce?: boolean;
  /** Links that the program sees as network cards, alone. */
  readonly cards?: readonly string[];
}

/**
 * Starts a program inside the namespace with another system's root folder as its own. It may write anywhere and change
 * the host name; all of that ends with it, except files in the shared folder.
 */
export async function startInRoot(
  netns: Netns,
  root: string,
  command: readonly string[],
  { shared, env = {}, announce = false, cards = [] }: ChrootOptions,
): Promise<RunningProcess> {
  const scratch = await mkdtemp(path.join(netns.folder, 'chroot-'));
  const settings = [scratch, root, shared, announce ? 'yes' : '', cards.join(' ')];
  const inside = ['-c', ENTER, 'sh', ...settings, ...command];
  return netns.start('sh', inside, { PATH, LC_ALL: 'C', ...env });
}
