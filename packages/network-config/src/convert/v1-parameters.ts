import type { Path, Report } from '../fault.ts';
import { isReserved, nearest } from '../values/names.ts';
import type { LinkConversion } from './conversion.ts';

type Parameters = Readonly<Record<string, string | readonly string[]>>;

/** Names of the kernel's bonding parameters, and what netplan calls them. */
export const BOND_KEYS: Readonly<Record<string, string>> = {
  mode: 'mode',
  miimon: 'mii-monitor-interval',
  updelay: 'up-delay',
  downdelay: 'down-delay',
  'lacp-rate': 'lacp-rate',
  'ad-select': 'ad-select',
  'min-links': 'min-links',
  'xmit-hash-policy': 'transmit-hash-policy',
  'arp-interval': 'arp-interval',
  'arp-ip-target': 'arp-ip-targets',
  'arp-validate': 'arp-validate',
  'arp-all-targets': 'arp-all-targets',
  'fail-over-mac': 'fail-over-mac-policy',
  'num-grat-arp': 'gratuitous-arp',
  'num-unsol-na': 'gratuitous-arp',
  'packets-per-slave': 'packets-per-member',
  'all-slaves-active': 'all-members-active',
  primary: 'primary',
  'primary-reselect': 'primary-reselect-policy',
  'resend-igmp': 'resend-igmp',
  'lp-interval': 'learn-packet-interval',
};

export const BRIDGE_KEYS: Readonly<Record<string, string>> = {
  stp: 'stp',
  bridgeprio: 'priority',
  ageing: 'ageing-time',
  fd: 'forward-delay',
  hello: 'hello-time',
  maxage: 'max-age',
  pathcost: 'path-cost',
  portprio: 'port-priority',
  hw: 'macaddress',
};
/** Waits of shell scripts that no node runs, and the list of ports that stands in `bridge_interfaces` too. */
const BRIDGE_IDLE = new Set(['waitport', 'maxwait', 'ports', 'gcint']);

const plain = (key: string, prefix: string): string => {
  const name = key.replaceAll('_', '-').toLowerCase();
  return name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : name;
};

function unknown(key: string, known: readonly string[], path: Path, report: Report): void {
  const close = nearest(key, known);
  report(
    path,
    'is not a known parameter',
    close === undefined ? 'Remove it.' : `Did you mean ${close}?`,
  );
}

const one = (value: string | readonly string[]): string =>
  typeof value === 'string' ? value : value.join(',');

export function bondParameters(
  link: LinkConversion,
  params: Parameters,
  base: Path,
  report: Report,
): void {
  for (const [key, value] of Object.entries(params)) {
    const origin = [...base, key];
    const name = plain(key, 'bond');
    const target = Object.hasOwn(BOND_KEYS, name) ? BOND_KEYS[name] : undefined;
    if (name === 'slaves') continue;
    if (target === undefined) unknown(key, Object.keys(BOND_KEYS), origin, report);
    else if (target === 'arp-ip-targets')
      for (const address of one(value).split(/[\s,]+/))
        link.add(['parameters', target], address, origin);
    else link.set(['parameters', target], one(value), origin);
  }
}

function portNumbers(
  link: LinkConversion,
  target: string,
  value: string | readonly string[],
  origin: Path,
  report: Report,
): void {
  for (const line of typeof value === 'string' ? [value] : value) {
    const [port = '', number, ...rest] = line.trim().split(/\s+/);
    if (number === undefined || rest.length > 0 || isReserved(port))
      report(origin, `is not a port and a number: ${line}`, 'Write it as [eth0 50].');
    else link.set(['parameters', target, port], number, origin);
  }
}

export function bridgeParameters(
  link: LinkConversion,
  params: Parameters,
  base: Path,
  report: Report,
): void {
  for (const [key, value] of Object.entries(params)) {
    const origin = [...base, key];
    const name = plain(key, 'bridge');
    const target = Object.hasOwn(BRIDGE_KEYS, name) ? BRIDGE_KEYS[name] : undefined;
    if (BRIDGE_IDLE.has(name)) continue;
    if (target === undefined) unknown(key, Object.keys(BRIDGE_KEYS), origin, report);
    else if (name === 'pathcost' || name === 'portprio')
      portNumbers(link, target, value, origin, report);
    else if (target === 'macaddress') link.set([target], one(value), origin);
    else link.set(['parameters', target], one(value), origin);
  }
}
