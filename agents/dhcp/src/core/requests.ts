import { type DhcpMessage, OP } from './message.ts';
import { entry, OPTIONS, OptionSet, TYPE } from './options.ts';

const UNSPECIFIED = '0.0.0.0';
const {
  subnetMask,
  classlessRoutes,
  routers,
  nameServers,
  hostName,
  domainName,
  mtu,
  broadcast,
  ntpServers,
  leaseTime,
  serverId,
  renewalTime,
  rebindingTime,
  searchList,
} = OPTIONS;
/** Classless routes stand before routers. RFC 3442. */
const WANTED = [
  subnetMask,
  classlessRoutes,
  routers,
  nameServers,
  domainName,
  mtu,
  broadcast,
  ntpServers,
  leaseTime,
  serverId,
  renewalTime,
  rebindingTime,
  searchList,
].map(({ code }) => code);
/** What a server that stays silent may object to is left out by and by: Azure, for one, offers nothing to who asks for 26. */
const MINIMUM = [subnetMask, routers, nameServers, leaseTime, serverId, classlessRoutes].map(
  ({ code }) => code,
);
const DEGRADE = { parameterList: 3, extras: 4, clientId: 5 } as const;
const BROADCAST_FROM = 2;
const RAPID_COMMITS = 2;

/** Who asks: what stays the same in all messages of a link. */
export interface Identity {
  readonly mac: string;
  /** Option 61 as it goes on the wire; undefined sends none. */
  readonly clientId: Uint8Array | undefined;
  /** Name to send; undefined asks for one instead, never both: dnsmasq would only echo it. */
  readonly hostname: string | undefined;
  readonly rapidCommit: boolean;
  /** The largest message the link takes, option 57. */
  readonly maxMessageSize: number;
}

export interface Exchange {
  readonly xid: number;
  /** Seconds since the exchange began. */
  readonly secs: number;
  /** Messages of this kind already sent in the exchange. */
  readonly attempt: number;
}

interface Fields {
  readonly type: number;
  readonly ciaddr?: string;
  readonly requested?: string | undefined;
  readonly server?: string | undefined;
  readonly rapidCommit?: boolean;
}

/** DHCPDISCOVER; `hint` is an address we would like to have again. RFC 2131 table 5. */
export function discover(who: Identity, exchange: Exchange, hint: string | undefined): DhcpMessage {
  const rapidCommit = who.rapidCommit && exchange.attempt < RAPID_COMMITS;
  return build(who, exchange, { type: TYPE.discover, requested: hint, rapidCommit });
}

/** DHCPREQUEST in answer to an OFFER. */
export function select(
  who: Identity,
  exchange: Exchange,
  address: string,
  server: string,
): DhcpMessage {
  return build(who, exchange, { type: TYPE.request, requested: address, server });
}

/** DHCPREQUEST for an address held before, in INIT-REBOOT. */
export function reboot(who: Identity, exchange: Exchange, address: string): DhcpMessage {
  return build(who, exchange, { type: TYPE.request, requested: address });
}

/** DHCPREQUEST that extends the lease, in RENEWING and REBINDING. */
export function renew(who: Identity, exchange: Exchange, address: string): DhcpMessage {
  return build(who, exchange, { type: TYPE.request, ciaddr: address });
}

function header(who: Identity, { xid, secs, attempt }: Exchange): Omit<DhcpMessage, 'options'> {
  return {
    op: OP.request,
    xid,
    secs,
    broadcast: attempt >= BROADCAST_FROM,
    ciaddr: UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr: UNSPECIFIED,
    chaddr: who.mac,
  };
}

/** Option 53 stands first, since servers with small parsers look for it there. */
function build(who: Identity, exchange: Exchange, fields: Fields): DhcpMessage {
  const { attempt } = exchange;
  const extras = attempt < DEGRADE.extras;
  const clientId = attempt < DEGRADE.clientId ? who.clientId : undefined;
  const options = [
    entry(OPTIONS.messageType, fields.type),
    when(clientId, (id) => entry(OPTIONS.clientId, id)),
    when(extras || undefined, () => entry(OPTIONS.maxMessageSize, who.maxMessageSize)),
    when(fields.requested, (address) => entry(OPTIONS.requestedAddress, address)),
    when(fields.server, (server) => entry(OPTIONS.serverId, server)),
    when((extras && fields.rapidCommit) || undefined, () => entry(OPTIONS.rapidCommit, true)),
    when(extras ? who.hostname : undefined, (name) => entry(OPTIONS.hostName, name)),
    entry(OPTIONS.parameterList, parameterList(who, attempt)),
  ];
  return {
    ...header(who, exchange),
    ciaddr: fields.ciaddr ?? UNSPECIFIED,
    // A client that holds its address hears unicast: the flag is for those that do not yet.
    broadcast: fields.ciaddr === undefined && attempt >= BROADCAST_FROM,
    options: new OptionSet(options.filter((each) => each !== undefined)),
  };
}

function parameterList({ hostname }: Identity, attempt: number): number[] {
  if (attempt >= DEGRADE.parameterList) return MINIMUM;
  return hostname === undefined ? [...WANTED, hostName.code] : WANTED;
}

function when<T, U>(value: T | undefined, make: (value: T) => U): U | undefined {
  return value === undefined ? undefined : make(value);
}
