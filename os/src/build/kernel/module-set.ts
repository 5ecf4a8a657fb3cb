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
