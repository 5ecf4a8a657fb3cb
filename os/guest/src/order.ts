/** Sends an order to one of init's sockets. */
import { connect } from 'node:net';

import { readParameters, SCRIPTS } from './scripts.ts';

const { socket, order } = readParameters(SCRIPTS.order);
const connection = connect(socket, () => connection.end(Buffer.from([order])));
