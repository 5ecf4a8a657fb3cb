/**
 * Watches the network links of the host. Nobody outside reaches a node whose cable is out, so this program reports to
 * the console: first that it watches, then the addresses and default routes that are left when a link loses its
 * carrier.
 */
import { readdirSync, readFileSync } from 'node:fs';

import { report } from './report.ts';
import { EVENTS, readParameters, SCRIPTS } from './scripts.ts';

const POLL_MS = 50;

const parameters = readParameters(SCRIPTS['watch-cable']);
const { root, deadlineMs } = parameters;

const carrier = (link: string): string => {
  try {
    return readFileSync(`${root}/sys/class/net/${link}/carrier`, 'utf8').trim();
  } catch {
    return ''; // The file of a link that is down cannot be read.
  }
};

/** Returns the host's addresses. `networkInterfaces` of node:os leaves out links without carrier. */
const addresses = (): string[] => {
  const trie = readFileSync(`${root}/proc/net/fib_trie`, 'utf8');
  return [...trie.matchAll(/([\d.]+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
};

const defaultRoutes = (link: string): number =>
  readFileSync(`${root}/proc/net/route`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${link}\t00000000\t`)).length;

const links = readdirSync(`${root}/sys/class/net`).filter(
  (link) => link.startsWith('e') && carrier(link) === '1',
);
report(parameters, EVENTS.watching, { links });
const timer = setInterval(() => {
  const link = links.find((each) => carrier(each) === '0');
  if (link === undefined) return;
  clearInterval(timer);
  report(parameters, EVENTS.seen, { link, addresses: addresses(), routes: defaultRoutes(link) });
}, POLL_MS);
setTimeout(() => process.exit(1), deadlineMs);
