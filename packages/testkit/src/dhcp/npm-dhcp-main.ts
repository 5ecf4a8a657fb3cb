import { createServer } from 'dhcp';

/** Runs the server of the npm package `dhcp` with a configuration as JSON; prints received and sent messages. */

const KINDS = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'];
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const server = createServer(JSON.parse(process.argv[2] ?? '{}'));
server.on('message', ({ options, chaddr }) => {
  say(`received ${KINDS[options[53] ?? 0]} from ${chaddr}`);
});
server.on('listening', () => say('listening'));
server.on('error', (error) => say(`error ${String(error)}`));

// The package does not log replies.
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
