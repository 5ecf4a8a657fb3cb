/** Sends an order to init's shutdown socket, then waits: the machine stops before this program exits. */
import { connect } from 'node:net';

import { readParameters, SCRIPTS } from './scripts.ts';

const { socket, order } = readParameters(SCRIPTS.power);
const connection = connect(socket, () => connection.end(Buffer.from([order])));
setTimeout(() => {}, 60_000);
