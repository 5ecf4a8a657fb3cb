import { createServer } from 'dhcp';

/** The server of the npm package `dhcp`, with the configuration given as JSON; says what it receives and sends. */

const KINDS = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'];
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const server = createServer(JSON.parse(process.argv[2] ?? '{}'));
server.on('message', ({ options, chaddr }) => {
  say(`received ${KINDS[options[53] ?? 0]} from ${chaddr}`);
});
server.on('listening', () => say('listening'));
server.on('error', (error) => say(`error ${String(error)}`));

// It says nothing of what it sends.
const sendOffer = server.sendOffer.bind(server);
server.sendOffer = (request) => {
  say('sending offer');
  sendOffer(request);
};
const sendAck = server.sendAck.bind(server);
server.sendAck = (request) => {
  say('sending ack');
  sendAck(request);
};
server.listen();
