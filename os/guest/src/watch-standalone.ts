/**
 * Watches a node that has not joined, which has no API to query. It reads once a second which sockets of the host are
 * open to the network, then reports them to the console, with the code in bootstrap's log and the files below
 * /etc/kubernetes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { report } from './report.ts';
import { EVENTS, readParameters, SCRIPTS } from './scripts.ts';

const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';
/** A loopback address in the hexadecimal form of /proc/net. */
const LOOPBACK = /^(.{6}7F:|0{24}01000000:)/;
/** UDP port 68: a DHCP client's own. */
const DHCP_CLIENT = ':0044';

const parameters = readParameters(SCRIPTS['watch-standalone']);
const { root, watchSeconds, longestSeconds } = parameters;
const refused = new RegExp(parameters.refused);
const logs = `${root}/var/log/pods`;
/** Sockets that two looks in a row saw: a client's is unconnected for an instant, too. */
const open = new Set<string>();
let before: ReadonlySet<string> = new Set();
let seconds = 0;

function isOpen(protocol: string, local: string, state: string): boolean {
  if (LOOPBACK.test(local)) return false;
  if (protocol.startsWith('tcp')) return state === TCP_LISTEN;
  return state === UDP_UNCONNECTED && !local.endsWith(DHCP_CLIENT);
}

function lookAtSockets(): void {
  const seen = new Set<string>();
  for (const protocol of ['tcp', 'tcp6', 'udp', 'udp6']) {
    const lines = readFileSync(`${root}/proc/net/${protocol}`, 'utf8').split('\n').slice(1);
    for (const line of lines) {
      const [, local = '', , state = ''] = line.trim().split(/\s+/);
      if (isOpen(protocol, local, state)) seen.add(`${protocol} ${local}`);
    }
  }
  for (const socket of seen) if (before.has(socket)) open.add(socket);
  before = seen;
}

/** Returns the first refusal in bootstrap's logs: <pod>/<container>/<attempt>.log. */
function codeInLog(): string | undefined {
  for (const pod of readdirSync(logs).filter((name) => name.includes('_bootstrap')))
    for (const container of readdirSync(path.join(logs, pod)))
      for (const log of readdirSync(path.join(logs, pod, container))) {
        const found = refused.exec(readFileSync(path.join(logs, pod, container, log), 'utf8'));
        if (found !== null) return found[0];
      }
  return undefined;
}

const timer = setInterval(() => {
  lookAtSockets();
  const code = codeInLog();
  seconds += 1;
  if (seconds < watchSeconds || (code === undefined && seconds < longestSeconds)) return;
  clearInterval(timer);
  const files = readdirSync(`${root}/etc/kubernetes`, { recursive: true });
  report(parameters, EVENTS.seen, { open: [...open], code, files });
}, 1000);
// Kubelet would restart a container that exits.
setInterval(() => {}, 60_000);
