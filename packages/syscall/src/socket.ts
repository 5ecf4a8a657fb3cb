import { readSync, unlinkSync, writeSync } from 'node:fs';

import { type Channel, DescriptorChannel } from './channel.ts';
import { errno, libc } from './libc.ts';
import { errnoName, SyscallError } from './syscall-error.ts';

export const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 } as const;
export const SOCK = { stream: 1, datagram: 2, raw: 3 } as const;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO = { reuseAddress: 2, broadcast: 6, receiveBuffer: 8, bindToDevice: 25, attachFilter: 26 };
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const SOL_NETLINK = 270;
const NETLINK = { addMembership: 1, capAck: 10, extAck: 11 } as const;

function check(result: number, call: string, attempt: string): number {
  if (result < 0) throw new SyscallError(call, errno(), attempt);
  return result;
}

/** Opens a socket and runs `prepare` on it; closes it when that throws. */
export function open(
  family: number,
  type: number,
  protocol: number,
  name: string,
  prepare: (fd: number) => void,
): DescriptorChannel {
  const fd = libc.socket()(family, type | SOCK_NONBLOCK_CLOEXEC, protocol);
  const channel = new DescriptorChannel(check(fd, 'socket', `open ${name}`), name);
  try {
    prepare(fd);
  } catch (error) {
    channel.close();
    throw error;
  }
  return channel;
}

export function setOption(
  fd: number,
  level: number,
  option: number,
  value: number | Uint8Array,
): void {
  const bytes = typeof value === 'number' ? int32(value) : value;
  const result = libc.setsockopt()(fd, level, option, bytes, bytes.length);
  check(result, 'setsockopt', `set socket option ${level}/${option}`);
}

export function bind(fd: number, address: Uint8Array, name: string): void {
  check(libc.bind()(fd, address, address.length), 'bind', `bind ${name}`);
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** One classic BPF instruction: code, jump if true, jump if false, operand. */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

export interface PacketOptions {
  readonly ifindex: number;
  /** Ethernet type to receive, host order. */
  readonly protocol: number;
  readonly filter?: readonly Instruction[];
  /** Adds the 10-byte virtio_net_hdr to each frame, both ways. It says whether the checksum is left to hardware. */
  readonly vnetHeader?: boolean;
  /** Spares the kernel a copy of each packet that leaves by the device. */
  readonly ignoreOutgoing?: boolean;
}

/** Opens a raw Ethernet socket on one device. Needs CAP_NET_RAW. */
export function openPacket(options: PacketOptions): Channel {
  const name = `packet socket on interface ${options.ifindex}`;
  // Protocol 0 receives nothing, so no frame slips past the filter before it is attached.
  return open(AF.packet, SOCK.raw, 0, name, (fd) => {
    if (options.filter !== undefined) attachFilter(fd, options.filter);
    if (options.vnetHeader === true) setOption(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
    if (options.ignoreOutgoing === true) setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF.packet, 0);
    address.writeUInt16BE(options.protocol, 2);
    address.writeInt32LE(options.ifindex, 4);
    bind(fd, address, name);
  });
}

/** Replaces the filter of an open socket, in one step: no packet passes that neither filter lets through. */
export const replaceFilter = ({ fd }: Channel, filter: readonly Instruction[]): void =>
  attachFilter(fd, filter);

function attachFilter(fd: number, filter: readonly Instruction[]): void {
  const program = Buffer.alloc(filter.length * 8);
  for (const [index, [code, jt, jf, k]] of filter.entries()) {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(jt, index * 8 + 2);
    program.writeUInt8(jf, index * 8 + 3);
    program.writeUInt32LE(k >>> 0, index * 8 + 4);
  }
  const value = { length: filter.length, filter: program };
  const result = libc.attachFilter()(fd, SOL_SOCKET, SO.attachFilter, value, 16);
  check(result, 'setsockopt', 'attach packet filter');
}

const NETLINK_BUFFER = 1 << 20;

/**
 * Opens a netlink socket in the given multicast groups (RTNLGRP_* for rtnetlink; 1 for the kernel's uevents). The
 * kernel cuts the bytes of the receive buffer to `net.core.rmem_max`.
 */
export function openNetlink(
  protocol: number,
  groups: readonly number[],
  receiveBuffer = NETLINK_BUFFER,
): Channel {
  const name = `netlink socket ${protocol}`;
  return open(AF.netlink, SOCK.raw, protocol, name, (fd) => {
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF.netlink, 0);
    if (groups.length > 0) setOption(fd, SOL_SOCKET, SO.receiveBuffer, receiveBuffer);
    setOption(fd, SOL_NETLINK, NETLINK.capAck, 1);
    bind(fd, address, name);
    for (const group of groups) setOption(fd, SOL_NETLINK, NETLINK.addMembership, group);
  });
}

export interface UdpOptions {
  /** Local address as four bytes; 0.0.0.0 when absent. */
  readonly address?: Uint8Array;
  readonly port: number;
  readonly device?: string;
  readonly broadcast?: boolean;
}

/** Opens a UDP socket, bound to a device if one is given. Ports below 1024 need CAP_NET_BIND_SERVICE. */
export function openUdp(options: UdpOptions): Channel {
  const name = `UDP port ${options.port}`;
  return open(AF.inet, SOCK.datagram, 0, name, (fd) => {
    reuseAddress(fd);
    if (options.broadcast === true) setOption(fd, SOL_SOCKET, SO.broadcast, 1);
    if (options.device !== undefined) bindToDevice(fd, options.device);
    bind(fd, inetAddress(options.address ?? new Uint8Array(4), options.port), name);
  });
}

export const reuseAddress = (fd: number): void => setOption(fd, SOL_SOCKET, SO.reuseAddress, 1);

export const bindToDevice = (fd: number, device: string): void =>
  setOption(fd, SOL_SOCKET, SO.bindToDevice, Buffer.from(`${device}\0`));

/** Returns a sockaddr_in for `Channel.send`. */
export function inetAddress(address: Uint8Array, port: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF.inet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.subarray(0, 4), 4);
  return bytes;
}

/**
 * Opens a Unix datagram socket connected to `path`. With `localPath` it is bound there first, so that the peer can
 * reply; that file is removed on close.
 */
export function openUnixDatagram(path: string, localPath?: string): Channel {
  const channel = open(AF.unix, SOCK.datagram, 0, path, (fd) => {
    if (localPath !== undefined) bind(fd, unixAddress(localPath), localPath);
    try {
      const peer = unixAddress(path);
      check(libc.connect()(fd, peer, peer.length), 'connect', `connect to ${path}`);
    } catch (error) {
      if (localPath !== undefined) unlinkSync(localPath);
      throw error;
    }
  });
  return localPath === undefined ? channel : removeOnClose(channel, localPath);
}

const SHUT_WR = 1;
const nothing = new Uint8Array(1);

/** A connected stream socket that never blocks. The runtime ignores SIGPIPE. */
export interface UnixStream extends Disposable {
  /** Writes as much as fits the peer's queue, and returns the number of bytes. */
  write(bytes: Uint8Array): number;
  /** Says that nothing more is written. */
  end(): void;
  /** Returns whether the peer has closed. */
  isOver(): boolean;
}

/** Connects to a stream socket. `node:net` does the same, but takes longer to load than an agent to start. */
export function connectUnixStream(path: string): UnixStream {
  const channel = open(AF.unix, SOCK.stream, 0, path, (fd) => {
    const peer = unixAddress(path);
    check(libc.connect()(fd, peer, peer.length), 'connect', `connect to ${path}`);
  });
  const attempt = (call: 'read' | 'write', work: () => number): number => {
    try {
      return work();
    } catch (error) {
      const code = errnoName(error);
      if (code === 'EAGAIN') return -1;
      throw new SyscallError(call, code, `${call} ${path}`);
    }
  };
  return {
    write: (bytes) =>
      Math.max(
        0,
        attempt('write', () => writeSync(channel.fd, bytes)),
      ),
    end: () => void check(libc.shutdown()(channel.fd, SHUT_WR), 'shutdown', `end ${path}`),
    isOver: () => attempt('read', () => readSync(channel.fd, nothing)) === 0,
    [Symbol.dispose]: () => channel.close(),
  };
}

function removeOnClose(channel: DescriptorChannel, path: string): Channel {
  const close = channel.close.bind(channel);
  channel.close = () => {
    close();
    try {
      unlinkSync(path);
    } catch {
      // It is gone already.
    }
  };
  return channel;
}

function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path);
  if (name.length > 107) throw new SyscallError('bind', 'ENAMETOOLONG', `use socket path ${path}`);
  return Buffer.concat([Buffer.from([AF.unix, 0]), name, Buffer.alloc(1)]);
}
