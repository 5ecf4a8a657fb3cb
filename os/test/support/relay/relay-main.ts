import { placeOf, relay } from './relay.ts';

/** `relay-main.ts FROM to TO`, where each is a socket's path or an address and a port. Serves until it is killed. */
const words = process.argv.slice(2);
const between = words.indexOf('to');

await relay(placeOf(words.slice(0, between)), placeOf(words.slice(between + 1)));
process.stdout.write('relays\n');
