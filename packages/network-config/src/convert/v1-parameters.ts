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

/** Sets one parameter; `name` is what the kernel calls it, and `target` what netplan does. */
type Setter = (
  link: LinkConversion,
  names: { readonly name: string; readonly target: string },
  value: string | readonly string[],
  origin: Path,
  report: Report,
) => void;

/** What the parameters of one kind of link become. */
interface Kind {
  readonly prefix: 'bond' | 'bridge';
  readonly keys: Readonly<Record<string, string>>;
  /** Without a meaning here. */
  readonly idle: ReadonlySet<string>;
  readonly set: Setter;
}

function convert(
  { prefix, keys, idle, set }: Kind,
  link: LinkConversion,
  params: Parameters,
  base: Path,
  report: Report,
): void {
  for (const [key, value] of Object.entries(params)) {
    const origin = [...base, key];
    const name = plain(key, prefix);
    if (idle.has(name)) continue;
    const target = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (target === undefined) unknown(key, Object.keys(keys), origin, report);
    else set(link, { name, target }, value, origin, report);
  }
}

const setBond: Setter = (link, { target }, value, origin) => {
  if (target === 'arp-ip-targets')
    for (const address of one(value).split(/[\s,]+/))
      link.add(['parameters', target], address, origin);
  else link.set(['parameters', target], one(value), origin);
};

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

const setBridge: Setter = (link, { name, target }, value, origin, report) => {
  if (name === 'pathcost' || name === 'portprio') portNumbers(link, target, value, origin, report);
  else if (target === 'macaddress') link.set([target], one(value), origin);
  else link.set(['parameters', target], one(value), origin);
};

/** The list of members that stands in `bond_interfaces` too, and what the kernel always does. */
const BOND_IDLE = new Set(['slaves', 'use-carrier']);
const BOND: Kind = { prefix: 'bond', keys: BOND_KEYS, idle: BOND_IDLE, set: setBond };
const BRIDGE: Kind = { prefix: 'bridge', keys: BRIDGE_KEYS, idle: BRIDGE_IDLE, set: setBridge };

type Conversion = (link: LinkConversion, params: Parameters, base: Path, report: Report) => void;

export const bondParameters: Conversion = (...given) => convert(BOND, ...given);
export const bridgeParameters: Conversion = (...given) => convert(BRIDGE, ...given);
