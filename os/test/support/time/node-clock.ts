import * as v from 'valibot';

import type { NodeShell } from './node-shell.ts';
import { TIME_SERVER } from './time-segment.ts';

const NodeClock = v.object({
  /** Seconds by which the node's clock is ahead of the time server's. */
  ahead: v.number(),
  /**
   * The clock's time at which the kernel started, in Unix seconds. It changes when the clock is stepped, and not when
   * it is slewed, because that changes the speed of the uptime too.
   */
  started: v.number(),
});
export type NodeClock = v.InferOutput<typeof NodeClock>;

/** Asks the time server (RFC 5905) and compares. */
const COMPARE = `
const { readFileSync } = require('node:fs');
const socket = require('node:dgram').createSocket('udp4');
const seconds = (bytes, at) => bytes.readUInt32BE(at) - 2208988800 + bytes.readUInt32BE(at + 4) / 2 ** 32;
let sent;
// Both clocks are read one after the other, and the closest of several readings counts.
const readings = () => Array.from({ length: 9 }, () => {
  const before = Date.now();
  const up = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
  const after = Date.now();
  return { took: after - before, started: (before + after) / 2000 - up };
});
socket.on('message', (reply) => {
  const now = Date.now() / 1000;
  const ahead = (sent + now) / 2 - (seconds(reply, 32) + seconds(reply, 40)) / 2;
  const [{ started }] = readings().sort((a, b) => a.took - b.took);
  console.log(JSON.stringify({ ahead, started }));
  process.exit();
});
const request = Buffer.alloc(48);
request[0] = 0x23;
setTimeout(() => process.exit(1), 10000);
sent = Date.now() / 1000;
socket.send(request, 123, '${TIME_SERVER}');
`;

/** Returns how the clock of a node stands to the time server's. */
export const clockBeside = async (shell: NodeShell): Promise<NodeClock> =>
  v.parse(NodeClock, JSON.parse(await shell.run(COMPARE)));

/** Returns what a node's time agent knows of its clock. */
export const clockOf = async (shell: NodeShell): Promise<unknown> =>
  JSON.parse(await shell.read('/run/kios/time/state.json'));
