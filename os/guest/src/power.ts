/** Sends an order to init's shutdown socket, then waits: the machine stops before this program exits. */
import { connect } from 'node:net';

import { fillDisk } from './fill-disk.ts';
import { readParameters, SCRIPTS } from './scripts.ts';

const { socket, order, fill } = readParameters(SCRIPTS.power);
if (fill !== undefined) process.stdout.write(`${fillDisk(fill)} bytes\n`);
const connection = connect(socket, () => connection.end(Buffer.from([order])));
setTimeout(() => {}, 60_000);
