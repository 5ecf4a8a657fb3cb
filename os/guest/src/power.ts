/** Sends init an order on its shutdown socket. The machine ends before this program does. */
import { connect } from 'node:net';

import { readParameters, SCRIPTS } from './scripts.ts';

const { socket, order } = readParameters(SCRIPTS.power);
const connection = connect(socket, () => connection.end(Buffer.from([order])));
setTimeout(() => {}, 60_000);
