import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { encodeReply, isRequest } from './packet.ts';
import { type NtpReply, parseRules } from './rules.ts';

/**
 * An NTP server that follows rules: `node main.ts ADDRESS RULES`, where the rules are JSON. It prints a line for each
 * request, which says how it replied.
 */
const NTP_PORT = 123;

const [address = '', json = '[]'] = process.argv.slice(2);
const rules = parseRules(json);
const used = rules.map(() => 0);
let count = 0;
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Returns the rule that counts for the next request, and the number of earlier requests for which it did. */
function nextRule(): readonly [rule: NtpReply | undefined, earlier: number] {
  const index = rules.findIndex(({ times = Infinity }, at) => (used[at] ?? 0) < times);
  const earlier = used[index] ?? 0;
  if (index >= 0) used[index] = earlier + 1;
  return [rules[index], earlier];
}

/** Losses are spread evenly, so that each run of a test has the same ones. */
const isLost = ({ loss }: NtpReply, earlier: number): boolean =>
  Math.floor((earlier + 1) * loss) > Math.floor(earlier * loss);

const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
socket.on('message', (request, { address: client, port }) => {
  if (!isRequest(request)) return;
  const arrived = Date.now();
  const [rule, earlier] = nextRule();
  const isSilent = rule === undefined || isLost(rule, earlier);
  if (!isSilent) socket.send(encodeReply(request, rule, arrived), port, client);
  count += 1;
  say({ request: count, client, reply: isSilent ? 'none' : (rule.kiss ?? 'time') });
});
socket.bind(NTP_PORT, address, () => say({ listening: address }));
