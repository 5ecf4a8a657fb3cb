import { ByteWriter } from '@kios/bytes';

import { call } from '../call.ts';
import { u32 } from '../netlink.ts';
import type { Features } from './feature.ts';

export const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17, alg: 38 } as const;
export const SOCK = { stream: 1, raw: 3, seqpacket: 5 } as const;
export const PROTOCOL = { igmp: 2, tcp: 6, udp: 17, ah: 51, icmp6: 58 } as const;
export const SOL = { ip: 0, tcp: 6, ip6: 41 } as const;
const TCP_MD5SIG = 14;
/** The same numbers for both families: become the router of multicast, and let PIM route. */
const MRT = { init: 200, pim: 208 } as const;

export function withSocket(
  family: number,
  kind: number,
  protocol: number,
  use: (fd: number) => unknown,
): void {
  const socket = call('socket', family, kind, protocol);
  try {
    use(socket);
  } finally {
    call('close', socket);
  }
}

/** struct tcp_md5sig: the address of the peer, the length of the password, the password. */
function setPassword(): void {
  const peer = new ByteWriter(128).u16le(AF.inet).u16(179).bytes(Uint8Array.of(192, 0, 2, 1)).zeros(120).finish(); // prettier-ignore
  const password = Buffer.from('secret');
  const request = new ByteWriter(216).bytes(peer).zeros(2).u16le(password.length).zeros(4).bytes(password).padTo(216).finish(); // prettier-ignore
  withSocket(AF.inet, SOCK.stream, 0, (fd) =>
    call('setsockopt', fd, SOL.tcp, TCP_MD5SIG, request, request.length),
  );
}

const routeMulticast = (family: number, protocol: number, level: number) => (): void =>
  withSocket(family, SOCK.raw, protocol, (fd) => {
    for (const option of [MRT.init, MRT.pim]) call('setsockopt', fd, level, option, u32(1), 4);
  });

export const SOCKETS: Features = {
  'password of a TCP connection': setPassword,
  'multicast routing': routeMulticast(AF.inet, PROTOCOL.igmp, SOL.ip),
  'multicast routing (IPv6)': routeMulticast(AF.inet6, PROTOCOL.icmp6, SOL.ip6),
};
