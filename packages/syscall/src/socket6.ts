import type { Channel } from './channel.ts';
import { AF, bind, bindToDevice, open, reuseAddress, setOption, SOCK } from './socket.ts';

const IPPROTO = { ipv6: 41, icmpv6: 58 } as const;
const IPV6 = { unicastHops: 16, multicastHops: 18, v6Only: 26 } as const;
const ICMP6_FILTER = 1;
/** One bit for each type of message; a set one keeps the type out. */
const NOTHING = new Uint8Array(32).fill(0xff);
/** Messages of neighbour discovery count only with this hop limit: no router has passed them on. RFC 4861 §6.1. */
const ON_LINK_HOPS = 255;

/** A link-local address, which means something only together with its link. */
export interface LinkLocal {
  /** Sixteen bytes. */
  readonly address: Uint8Array;
  readonly ifindex: number;
  /** The link's name. */
  readonly device: string;
}

export interface Udp6Options extends LinkLocal {
  readonly port: number;
}

/** Opens a UDP socket on a link-local address. Ports below 1024 need CAP_NET_BIND_SERVICE. */
export function openUdp6({ address, ifindex, device, port }: Udp6Options): Channel {
  const name = `UDP port ${port} of IPv6`;
  return open(AF.inet6, SOCK.datagram, 0, name, (fd) => {
    // The port of IPv4 stays free for others.
    setOption(fd, IPPROTO.ipv6, IPV6.v6Only, 1);
    reuseAddress(fd);
    bindToDevice(fd, device);
    bind(fd, inet6Address(address, port, ifindex), name);
  });
}

/** Opens a socket that sends messages of neighbour discovery and receives nothing. Needs CAP_NET_RAW. */
export function openIcmp6({ address, ifindex, device }: LinkLocal): Channel {
  const name = 'ICMPv6 socket';
  return open(AF.inet6, SOCK.raw, IPPROTO.icmpv6, name, (fd) => {
    setOption(fd, IPPROTO.icmpv6, ICMP6_FILTER, NOTHING);
    setOption(fd, IPPROTO.ipv6, IPV6.unicastHops, ON_LINK_HOPS);
    setOption(fd, IPPROTO.ipv6, IPV6.multicastHops, ON_LINK_HOPS);
    bindToDevice(fd, device);
    bind(fd, inet6Address(address, 0, ifindex), name);
  });
}

/** Returns a sockaddr_in6 for `Channel.send`; link-local and multicast addresses need the index of their link. */
export function inet6Address(address: Uint8Array, port: number, ifindex: number): Uint8Array {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF.inet6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.subarray(0, 16), 8);
  bytes.writeUInt32LE(ifindex, 24);
  return bytes;
}
