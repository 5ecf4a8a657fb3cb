import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { parse } from 'yaml';

import { repository } from '../../workstation/paths.ts';

/**
 * Folders of the kernel's module tree that stay out of the image: hardware that no node has, file systems and protocols
 * that no container platform uses. A module that is not shipped cannot be loaded by a crafted packet or mount.
 */
export const EXCLUDED = [
  'arch/x86/events', 'drivers/dax', 'drivers/nvdimm', 'drivers/scsi/ipr', 'drivers/scsi/scsi_debug',
  'drivers/block/drbd', 'drivers/comedi', 'drivers/cxl', 'drivers/infiniband', 'drivers/md/bcache', 'drivers/md/dm-vdo', 'drivers/net/ethernet/pensando', 'drivers/nvme/target', 'drivers/ntb',
  'drivers/platform', 'drivers/scsi/mpi3mr', 'drivers/scsi/libsas', 'drivers/target', 'drivers/net/ethernet/mellanox/mlx4', 'fs/smb/server', 'net/sunrpc/xprtrdma',
  'drivers/hid', 'drivers/hwtracing', 'drivers/leds', 'drivers/media', 'drivers/net/wwan', 'drivers/soundwire', 'drivers/tee',
  'drivers/video', 'drivers/w1', 'drivers/net/can', 'drivers/net/fddi', 'drivers/net/slip', 'drivers/net/wan', 'drivers/net/ppp',
  'fs/bcachefs', 'fs/btrfs', 'fs/cachefiles', 'fs/coda', 'fs/exfat', 'fs/jfs', 'fs/nfsd', 'fs/ntfs3', 'fs/ocfs2', 'fs/orangefs', 'fs/romfs',
  'fs/sysv', 'fs/ufs', 'fs/hfs', 'fs/hfsplus', 'fs/zonefs', 'fs/gfs2', 'fs/dlm', 'fs/9p',
  'net/atm', 'net/ax25', 'net/batman-adv', 'net/bluetooth', 'net/can', 'net/dccp', 'net/ieee802154', 'net/6lowpan', 'net/l2tp', 'net/lapb',
  'net/mac80211', 'net/mac802154', 'net/nfc', 'net/phonet', 'net/qrtr', 'net/rds', 'net/rxrpc', 'net/kcm', 'net/smc', 'net/tipc', 'net/wireless',
  'net/x25', 'net/rose', 'net/netrom', 'net/mpls', 'net/ife',
]; // prettier-ignore

/** Says whether a file of the tree (`kernel/fs/ext4/ext4.ko.xz`) belongs in the image. */
export const shipsModule = (file: string): boolean =>
  !EXCLUDED.some(
    (folder) => file.startsWith(`kernel/${folder}/`) || file.startsWith(`kernel/${folder}.ko`),
  );

const OPTIONAL = path.join(repository, 'os/kernel/optional-modules.yaml');

const text = v.pipe(v.string(), v.minLength(1));
const List = v.array(v.strictObject({ path: text, reason: text }));

/** Says of a file of the tree whether it is in modules.erofs only, not in the root. */
export type IsOptional = (file: string) => boolean;

/** Parses the list of optional modules: folders of the kernel's sources, or modules there without their ending. */
export function parseOptional(yaml: string): IsOptional {
  const paths = v.parse(List, parse(yaml)).map((entry) => `kernel/${entry.path}`);
  return (file) => {
    const name = file.replace(/\.ko(\.\w+)?$/, '');
    return paths.some((listed) => name === listed || name.startsWith(`${listed}/`));
  };
}

export const readOptional = async (): Promise<IsOptional> =>
  parseOptional(await readFile(OPTIONAL, 'utf8'));

/**
 * Returns the modules outside modules.erofs that need one of its modules, by the text of modules.dep: the root would
 * lack a file that they cannot do without.
 */
export const brokenBy = (isOptional: IsOptional, dep: string): string[] =>
  dep.split('\n').flatMap((line) => {
    const [file = '', needs = ''] = line.split(':');
    if (file === '' || isOptional(file)) return [];
    const lost = needs.split(' ').filter((need) => need !== '' && isOptional(need));
    return lost.map((need) => `${file} needs ${need}`);
  });
