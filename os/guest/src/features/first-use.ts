import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';

import { ByteWriter } from '@kios/bytes';
import { nest } from '@kios/netlink/message';

import { call, resultOf } from '../call.ts';
import { type Attribute, familyOf, give, NETLINK, talk, text, u32 } from '../netlink.ts';
import { MISC, withMisc, withNode } from './device-node.ts';
import { askDeviceMapper } from './devices.ts';
import { eachOf, type Features } from './feature.ts';
import { act, filter, LOWER, makeLink, shape, upLoopback } from './links.ts';
import { askFor } from './netfilter.ts';
import { AF, PROTOCOL, SOCK, SOL, withSocket } from './sockets.ts';

const NETLINK_DIAG = 4;
const NETLINK_ISCSI = 8;
const DM_GET_TARGET_VERSION = 0xc138fd11;
const IPT_SO_GET_INFO = 64;
const TCP_ULP = 31;
const DIAG = { byFamily: 20, destroy: 21 } as const;
const DUMP = 0x300;
const ALL_STATES = 0xffffffff;
const ANY = 0xffffffff;
/** A port of the pod's own network namespace. */
const PORT = 4000;
const ACTIONS = ['ct', 'tunnel_key', 'pedit', 'skbedit', 'vlan', 'csum'] as const;

/** Makes the kernel ask for a module, even if the attempt leads no further, and says whether the module is there. */
export function brings(module: string, attempt: () => unknown): string | void {
  const result = resultOf(() => void attempt());
  const loaded = readFileSync('/proc/modules', 'latin1');
  if (!loaded.split('\n').some((line) => line.startsWith(`${module} `))) return `absent: ${result}`;
}

/** Tries a mount that comes to nothing, because nothing serves it. */
export const mount =
  (type: string, options: string | null = null) =>
  (): void =>
    void call('mount', '127.0.0.1:/', '/tmp', type, 0, options);

export const target = (name: string) => (): void =>
  void askDeviceMapper(DM_GET_TARGET_VERSION, name);

/** struct sockaddr_alg */
const algorithm = (type: string, name: string) => (): void =>
  withSocket(AF.alg, SOCK.seqpacket, 0, (fd) => {
    const address = Buffer.alloc(88);
    address.writeUInt16LE(AF.alg, 0);
    address.write(type, 2);
    address.write(name, 24);
    call('bind', fd, address, address.length);
  });

const list = (request: ByteWriter): void =>
  void talk(NETLINK_DIAG, [{ type: DIAG.byFamily, flags: DUMP, payload: request.finish() }]);

/** struct inet_diag_req_v2: every state of every socket. */
const sockets = (protocol: number) => (): void =>
  list(new ByteWriter(56).u8(AF.inet).u8(protocol).zeros(2).u32le(ALL_STATES).zeros(48));

/** struct unix_diag_req */
const localSockets = (): void =>
  list(new ByteWriter(24).u8(AF.unix).zeros(3).u32le(ALL_STATES).zeros(16));

/** struct packet_diag_req */
const packetSockets = (): void => list(new ByteWriter(20).u8(AF.packet).zeros(19));

/** Ends a socket that waits for connections, as Cilium ends those to a backend that is gone. */
function endSocket(): void {
  withSocket(AF.inet, SOCK.stream, 0, (fd) => {
    const own = new ByteWriter(16).u16le(AF.inet).u16(PORT).zeros(12).finish();
    call('bind', fd, own, own.length);
    call('listen', fd, 1);
    const id = new ByteWriter(48).u16(PORT).zeros(38).u32le(ANY).u32le(ANY).finish();
    const request = new ByteWriter(56).u8(AF.inet).u8(PROTOCOL.tcp).zeros(2).u32le(ALL_STATES).bytes(id); // prettier-ignore
    give(NETLINK_DIAG, { type: DIAG.destroy, payload: request.finish() });
  });
}

const XFRM_NEW_STATE = 0x10;
const XFRM_ALG_AUTH = 1;

/** struct xfrm_usersa_info and xfrm_algo: what comes from a peer is signed by this key. */
function sign(family: number, address: Uint8Array): void {
  const selector = new ByteWriter(56).zeros(40).u16le(family).padTo(56).finish();
  const id = new ByteWriter(24).bytes(address).padTo(16).u32(0x1000).u8(PROTOCOL.ah).padTo(24);
  const info = new ByteWriter(224).bytes(selector).bytes(id.finish()).padTo(212).u16le(family).padTo(224); // prettier-ignore
  const key = new ByteWriter(100).bytes(text('hmac(sha256)')).padTo(64).u32le(256).zeros(32);
  const payload = Buffer.concat([info.finish(), nest([XFRM_ALG_AUTH, key.finish()])]);
  give(NETLINK.xfrm, { type: XFRM_NEW_STATE, payload });
}

/** struct ipt_getinfo */
const legacyTable = (name: string) => (): void =>
  withSocket(AF.inet, SOCK.raw, 255, (fd) => {
    const request = Buffer.alloc(84);
    request.write(name);
    call('getsockopt', fd, SOL.ip, IPT_SO_GET_INFO, request, u32(request.length));
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
      withMisc('nvme-fabrics', (fd) =>
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
  'first use: ip6gretap': () => brings('ip6_gre', () => makeLink('ip6gretap')),
  'first use: macvtap': () => brings('macvtap', () => makeLink('macvtap', [], onLower)),
  'first use: tunnels in UDP': () => brings('fou', () => familyOf('fou')),
  'first use: Open vSwitch': () => brings('openvswitch', () => familyOf('ovs_datapath')),
  'first use: netem': () => brings('sch_netem', () => shape('netem')),
  'first use: flower': () => brings('cls_flower', () => filter('flower')),
  'first use: actions of filters': () =>
    eachOf(ACTIONS, (kind) => brings(`act_${kind}`, () => act(kind)) ?? 'ok'),
  'first use: link of IPsec': () => brings('xfrm_interface', () => makeLink('xfrm', [[2, u32(7)]])),
  'first use: signatures by IPsec': () =>
    brings('ah4', () => sign(AF.inet, Uint8Array.of(192, 0, 2, 1))),
  'first use: signatures by IPsec (IPv6)': () =>
    brings('ah6', () => sign(AF.inet6, new Uint8Array(16).with(15, 1))),
  'first use: sockets of TCP': () => brings('tcp_diag', sockets(PROTOCOL.tcp)),
  'first use: sockets of UDP': () => brings('udp_diag', sockets(PROTOCOL.udp)),
  'first use: sockets between programs': () => brings('unix_diag', localSockets),
  'first use: sockets on links': () => brings('af_packet_diag', packetSockets),
  'first use: end of a socket': endSocket,
  'first use: TLS by the kernel': () =>
    brings('tls', () =>
      withSocket(AF.inet, SOCK.stream, 0, (fd) =>
        call('setsockopt', fd, SOL.tcp, TCP_ULP, text('tls'), 4),
      ),
    ),
  'first use: raw table of iptables-legacy': () => brings('iptable_raw', legacyTable('raw')),
  'first use: target TRACE of iptables-legacy': () =>
    brings('xt_TRACE', () => askFor('target', 'TRACE', 0)),
  'first use: node of a device': () => {
    for (const file of ['vhost-net', 'vhost-vsock', 'vfio/vfio'])
      closeSync(openSync(`/host/dev/${file}`, 'r+'));
  },
};
