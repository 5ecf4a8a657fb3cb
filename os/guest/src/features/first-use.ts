import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { ByteWriter } from '@kios/bytes';

import { call, resultOf } from '../call.ts';
import { type Attribute, familyOf, talk, text, u32 } from '../netlink.ts';
import { withDevice } from './devices.ts';
import type { Features } from './feature.ts';
import { filter, LOWER, makeLink, shape, upLoopback } from './links.ts';

const AF = { inet: 2, netlink: 16, alg: 38 } as const;
const SOCK = { stream: 1, raw: 3, seqpacket: 5 } as const;
const NETLINK_DIAG = 4;
const NETLINK_ISCSI = 8;
const CHARACTER_DEVICE = 0o020600;
const MISC = 10;
const DM_GET_TARGET_VERSION = 0xc138fd11;
const DM_HEADER = 312;
const SOL_IP = 0;
const IPT_SO_GET_INFO = 64;
const SOL_TCP = 6;
const TCP_ULP = 31;
const SOCK_DIAG_BY_FAMILY = 20;
const DUMP = 0x300;
const PROTOCOL = { tcp: 6, udp: 17 } as const;

/** Makes the kernel ask for a module, even if the attempt leads no further, and says whether the module is there. */
function brings(module: string, attempt: () => unknown): string | void {
  const result = resultOf(() => void attempt());
  const loaded = readFileSync('/proc/modules', 'latin1');
  if (!loaded.split('\n').some((line) => line.startsWith(`${module} `))) return `absent: ${result}`;
}

/** Tries a mount that comes to nothing, because nothing serves it. */
const mount =
  (type: string, options: string | null = null) =>
  (): void =>
    void call('mount', '127.0.0.1:/', '/tmp', type, 0, options);

/** Returns the number as mknod(2) takes it: the higher bits of the minor number stand above the major one. */
const deviceNumber = (major: number, minor: number): number =>
  (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);

/** Opens a device by a node of our own, because a container may lack it. */
function withNode(major: number, minor: number, use: (fd: number) => unknown): void {
  const node = '/dev/kios-first-use';
  call('mknod', node, CHARACTER_DEVICE, deviceNumber(major, minor));
  try {
    withDevice(node, use);
  } finally {
    rmSync(node);
  }
}

/** Returns the minor number of a device without a fixed one. */
function minorOf(name: string): number {
  const line = new RegExp(`^\\s*(\\d+) ${name}$`, 'm').exec(readFileSync('/proc/misc', 'utf8'));
  if (line === null) throw Object.assign(new Error(`no ${name}`), { code: 'ENODEV' });
  return Number(line[1]);
}

const target = (name: string) => (): void => {
  const request = Buffer.alloc(16_384);
  request.writeUInt32LE(4, 0);
  request.writeUInt32LE(request.length, 12);
  request.writeUInt32LE(DM_HEADER, 16);
  request.write(name, 48);
  withNode(MISC, minorOf('device-mapper'), (fd) => call('ioctl', fd, DM_GET_TARGET_VERSION, request)); // prettier-ignore
};

function withSocket(family: number, kind: number, protocol: number, use: (fd: number) => unknown) {
  const socket = call('socket', family, kind, protocol);
  try {
    use(socket);
  } finally {
    call('close', socket);
  }
}

/** struct sockaddr_alg */
const algorithm = (type: string, name: string) => (): void =>
  withSocket(AF.alg, SOCK.seqpacket, 0, (fd) => {
    const address = Buffer.alloc(88);
    address.writeUInt16LE(AF.alg, 0);
    address.write(type, 2);
    address.write(name, 24);
    call('bind', fd, address, address.length);
  });

/** struct inet_diag_req_v2: every state of every socket. */
const sockets = (protocol: number) => (): void => {
  const request = new ByteWriter(56).u8(AF.inet).u8(protocol).zeros(2).u32le(0xffffffff).zeros(48);
  talk(NETLINK_DIAG, [{ type: SOCK_DIAG_BY_FAMILY, flags: DUMP, payload: request.finish() }]);
};

/** struct ipt_getinfo */
const legacyTable = (name: string) => (): void =>
  withSocket(AF.inet, SOCK.raw, 255, (fd) => {
    const request = Buffer.alloc(84);
    request.write(name);
    call('getsockopt', fd, SOL_IP, IPT_SO_GET_INFO, request, u32(request.length));
  });

const onLower: readonly Attribute[] = [[5, u32(LOWER)]];
/** Nothing listens there. */
const NFS = 'addr=127.0.0.1,proto=tcp,port=9,soft,timeo=1,retrans=0';

/**
 * What loads a module at its first use (os/kernel/requests.yaml): each attempt goes as far as it can without a server.
 */
export const FIRST_USE: Features = {
  'first use: loopback': upLoopback,
  'first use: NFS 3': () =>
    brings('nfsv3', mount('nfs', `vers=3,mountproto=tcp,mountport=9,${NFS}`)),
  'first use: NFS 4': () => brings('nfsv4', mount('nfs4', `vers=4.2,clientaddr=127.0.0.1,${NFS}`)),
  'first use: SMB': () => brings('cifs', mount('smb3')),
  'first use: signature of SMB': () => brings('cmac', algorithm('hash', 'cmac(aes)')),
  'first use: encryption of SMB': () => brings('ccm', algorithm('aead', 'ccm(aes)')),
  'first use: XFS': () => brings('xfs', mount('xfs')),
  'first use: CephFS': () => brings('ceph', mount('ceph')),
  'first use: iSCSI': () =>
    brings('iscsi_tcp', () => withSocket(AF.netlink, SOCK.raw, NETLINK_ISCSI, () => {})),
  'first use: NVMe over TCP': () =>
    brings('nvme_tcp', () =>
      withNode(MISC, minorOf('nvme-fabrics'), (fd) =>
        writeFileSync(
          fd,
          'transport=tcp,traddr=127.0.0.1,nqn=nqn.2014-08.org.nvmexpress.discovery',
        ),
      ),
    ),
  'first use: LVM snapshot': () => brings('dm_snapshot', target('snapshot')),
  'first use: LVM thin pool': () => brings('dm_thin_pool', target('thin-pool')),
  'first use: multipath': () => brings('dm_multipath', target('multipath')),
  'first use: vhost-net': () => brings('vhost_net', () => withNode(MISC, 238, () => {})),
  'first use: vhost-vsock': () => brings('vhost_vsock', () => withNode(MISC, 241, () => {})),
  'first use: vrf': () => brings('vrf', () => makeLink('vrf', [[1, u32(7)]])),
  'first use: sit': () => brings('sit', () => makeLink('sit')),
  'first use: gretap': () => brings('ip_gre', () => makeLink('gretap')),
  'first use: macvtap': () => brings('macvtap', () => makeLink('macvtap', [], onLower)),
  'first use: tunnels in UDP': () => brings('fou', () => familyOf('fou')),
  'first use: Open vSwitch': () => brings('openvswitch', () => familyOf('ovs_datapath')),
  'first use: netem': () => brings('sch_netem', () => shape('netem')),
  'first use: flower': () => brings('cls_flower', () => filter('flower')),
  'first use: sockets of TCP': () => brings('tcp_diag', sockets(PROTOCOL.tcp)),
  'first use: sockets of UDP': () => brings('udp_diag', sockets(PROTOCOL.udp)),
  'first use: TLS by the kernel': () =>
    brings('tls', () =>
      withSocket(AF.inet, SOCK.stream, 0, (fd) =>
        call('setsockopt', fd, SOL_TCP, TCP_ULP, text('tls'), 4),
      ),
    ),
  'first use: raw table of iptables-legacy': () => brings('iptable_raw', legacyTable('raw')),
  'first use: node of a device': () => {
    for (const file of ['vhost-net', 'vhost-vsock', 'vfio/vfio'])
      closeSync(openSync(`/host/dev/${file}`, 'r+'));
  },
};
