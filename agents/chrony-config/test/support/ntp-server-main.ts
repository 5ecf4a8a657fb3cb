import { createSocket } from 'node:dgram';

/**
 * An NTP server (RFC 5905) whose time is off by some seconds: `node ntp-server-main.ts ADDRESS SECONDS`. It prints a
 * line when it listens.
 */
const [address = '', seconds = '0'] = process.argv.slice(2);
/** Seconds between the epochs of NTP and Unix. */
const EPOCH = 2_208_988_800;

function writeTime(packet: Buffer, at: number, agoSeconds: number): void {
  const time = Date.now() / 1000 + Number(seconds) - agoSeconds + EPOCH;
  packet.writeUInt32BE(Math.floor(time) % 2 ** 32, at);
  packet.writeUInt32BE(Math.floor((time % 1) * 2 ** 32), at + 4);
}

const socket = createSocket('udp4');
socket.on('message', (request, { address: client, port }) => {
  const reply = Buffer.alloc(48);
  // No leap second, version 4, mode server; stratum 2; the client's poll; precision 2^-24 s.
  reply.set([0x24, 2, request[2] ?? 6, 0xe8]);
  reply.writeUInt32BE(100, 4);
  reply.writeUInt32BE(100, 8);
  reply.write('LOCL', 12);
  writeTime(reply, 16, 5);
  request.copy(reply, 24, 40, 48);
  writeTime(reply, 32, 0);
  writeTime(reply, 40, 0);
  socket.send(reply, port, client);
});
socket.bind(123, address, () => process.stdout.write('ready\n'));
