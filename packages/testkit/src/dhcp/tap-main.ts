import { readFileSync } from 'node:fs';

import { openPacket } from '@kios/syscall';

import { readFrame, typeName } from './wire.ts';

/**
 * Prints each DHCP message and ARP packet that passes the device in the first argument, in both directions, as one JSON
 * object per line. It is a program because a process is in one network namespace only.
 */

const ETH_P_ALL = 3;
const IPV4 = 0x0800;
const ARP = 0x0806;

const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
const address = (bytes: Buffer, at: number): string => [...bytes.subarray(at, at + 4)].join('.');
const mac = (bytes: Buffer, at: number): string =>
  bytes.toString('hex', at, at + 6).replaceAll(/..(?=.)/g, '$&:');

function onArp(frame: Buffer): void {
  const op = frame.readUInt16BE(20) === 1 ? 'request' : 'reply';
  say({ arp: op, from: mac(frame, 22), sender: address(frame, 28), target: address(frame, 38) });
}

function onIpv4(frame: Buffer): void {
  const packet = readFrame(frame);
  if (packet === undefined) return;
  const way = { from: mac(frame, 6), to: mac(frame, 0), src: address(frame, 26) };
  say({ dhcp: typeName(packet) ?? 'none', ...way, dst: address(frame, 30), ...packet });
}

const [device = 'srv0'] = process.argv.slice(2);
const ifindex = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
using socket = openPacket({ ifindex, protocol: ETH_P_ALL });
say({ tap: device });
for (;;) {
  const frame = Buffer.from(await socket.receive());
  const type = frame.readUInt16BE(12);
  if (type === ARP) onArp(frame);
  if (type === IPV4) onIpv4(frame);
}
