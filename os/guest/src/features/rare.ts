import { closeSync, openSync } from 'node:fs';

import { be32 } from '../netlink.ts';
import { eachOf, type Features } from './feature.ts';
import { brings, mount, target } from './first-use.ts';
import { makeLink, wrapRoute } from './links.ts';
import { createSet } from './netfilter.ts';
import { AF } from './sockets.ts';

const LABELS = 1;
/** Label 100, the last of the packet. */
const LABEL = be32((100 << 12) | (1 << 8));

/** Kinds of sets and the module of each. */
const SETS: Readonly<Record<string, string>> = {
  'bitmap:ip': 'ip_set_bitmap_ip',
  'bitmap:ip,mac': 'ip_set_bitmap_ipmac',
  'hash:ip,mac': 'ip_set_hash_ipmac',
  'hash:ip,mark': 'ip_set_hash_ipmark',
  'hash:mac': 'ip_set_hash_mac',
  'hash:net,iface': 'ip_set_hash_netiface',
  'hash:net,port,net': 'ip_set_hash_netportnet',
};

/**
 * What needs a module that is only in modules.erofs (os/kernel/optional-modules.yaml). All but the last load it at its
 * first use.
 */
export const RARE_FEATURES: Features = {
  'first use: Btrfs': () => brings('btrfs', mount('btrfs')),
  'first use: LVM on several disks': () => brings('dm_raid', target('raid')),
  'first use: LVM to another disk': () => brings('dm_mirror', target('mirror')),
  'first use: LVM with a cache': () => brings('dm_cache', target('cache')),
  'first use: LVM with a cache of writes': () => brings('dm_writecache', target('writecache')),
  'first use: LVM with checksums': () => brings('dm_integrity', target('integrity')),
  'first use: labels of MPLS': () =>
    brings('mpls_iptunnel', () => {
      makeLink('dummy');
      wrapRoute(AF.inet, Uint8Array.of(192, 0, 2, 9), { kind: LABELS, how: [1, LABEL] });
    }),
  'first use: rare kinds of sets': () =>
    eachOf(Object.keys(SETS), (kind) => brings(SETS[kind] ?? kind, () => createSet(kind)) ?? 'ok'),
  'disks that a program serves': () => closeSync(openSync('/host/dev/ublk-control', 'r+')),
};
