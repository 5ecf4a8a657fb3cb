import { type DhcpMessage, OP } from '../wire/message.ts';
import { entry, type Option, OPTIONS, OptionSet, TYPE } from '../wire/options.ts';

const UNSPECIFIED = '0.0.0.0';
/** Classless routes come before routers. RFC 3442. */
const WANTED: readonly Option<unknown>[] = [
  OPTIONS.subnetMask,
  OPTIONS.classlessRoutes,
  OPTIONS.routers,
  OPTIONS.nameServers,
  OPTIONS.hostName,
  OPTIONS.domainName,
  OPTIONS.mtu,
  OPTIONS.broadcast,
  OPTIONS.ntpServers,
  OPTIONS.leaseTime,
  OPTIONS.serverId,
  OPTIONS.renewalTime,
  OPTIONS.rebindingTime,
  OPTIONS.searchList,
];
const MINIMUM: readonly Option<unknown>[] = [
  OPTIONS.subnetMask,
  OPTIONS.routers,
  OPTIONS.nameServers,
  OPTIONS.leaseTime,
  OPTIONS.serverId,
  OPTIONS.classlessRoutes,
];

/**
 * Parts left out of messages because a server may object to them: 0 nothing, 1 most requested options (Azure, for one,
 * ignores clients that ask for option 26), 2 also options 12, 57 and 80 and the operator's own, 3 also the client
 * identifier.
 */
export type DegradeLevel = 0 | 1 | 2 | 3;

/** The fields that are equal in all messages of a link. */
export interface Identity {
  readonly mac: string;
  /** Option 61 as it goes on the wire; undefined sends none. */
  readonly clientId: Uint8Array | undefined;
  /** Name to send in option 12. */
  readonly hostname: string | undefined;
  /** Ask for a name. Never together with a sent name, which dnsmasq would only echo. */
  readonly wantsHostname: boolean;
  /** Size of the largest message that the link takes, option 57. */
  readonly maxMessageSize: number;
  /** Codes to ask for beside those that the client uses itself. */
  readonly extraOptions: readonly number[];
  /** Options of the operator's own, such as a vendor class. */
  readonly sent: Entries;
}

export interface Exchange {
  readonly xid: number;
  /** Seconds since the exchange began. */
  readonly secs: number;
  readonly degradeLevel: DegradeLevel;
  /** Ask for broadcast replies, for links that drop unicast before they have an address. */
  readonly broadcast: boolean;
}

interface Fields {
  readonly type: number;
  readonly ciaddr?: string;
  readonly requested?: string | undefined;
  readonly server?: string | undefined;
  readonly rapidCommit?: boolean;
}

/** DHCPDISCOVER. `hint` is the address to ask for. RFC 2131 table 5, RFC 4039. */
export function discover(
  who: Identity,
  exchange: Exchange,
  hint: string | undefined,
  rapidCommit: boolean,
): DhcpMessage {
  return buildQuery(who, exchange, { type: TYPE.discover, requested: hint, rapidCommit });
}

/** DHCPREQUEST for an offered address, in SELECTING. A server that does not say who it is goes unnamed. */
export function select(
  who: Identity,
  exchange: Exchange,
  address: string,
  server: string | undefined,
): DhcpMessage {
  return buildQuery(who, exchange, { type: TYPE.request, requested: address, server });
}

/** DHCPREQUEST for an earlier address, in INIT-REBOOT. */
export function reboot(who: Identity, exchange: Exchange, address: string): DhcpMessage {
  return buildQuery(who, exchange, { type: TYPE.request, requested: address });
}

/** DHCPREQUEST that extends the lease, in RENEWING and REBINDING. */
export function renew(who: Identity, exchange: Exchange, address: string): DhcpMessage {
  return buildQuery(who, exchange, { type: TYPE.request, ciaddr: address });
}

/** DHCPDECLINE: another host uses the address. */
export function decline(
  who: Identity,
  exchange: Exchange,
  address: string,
  server: string,
): DhcpMessage {
  return buildNotice(who, exchange, { type: TYPE.decline, requested: address, server });
}

/** DHCPRELEASE: the address is no longer needed. */
export function release(
  who: Identity,
  exchange: Exchange,
  address: string,
  server: string,
): DhcpMessage {
  return buildNotice(who, exchange, { type: TYPE.release, ciaddr: address, server });
}

type Options = ConstructorParameters<typeof OptionSet>[0];

function build(who: Identity, exchange: Exchange, fields: Fields, options: Options): DhcpMessage {
  return {
    op: OP.request,
    xid: exchange.xid,
    secs: exchange.secs,
    // A client with an address receives unicast.
    broadcast: exchange.broadcast && fields.ciaddr === undefined,
    ciaddr: fields.ciaddr ?? UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr: UNSPECIFIED,
    chaddr: who.mac,
    options: new OptionSet(options),
  };
}

/** Builds a message that asks for options. Option 53 comes first, where servers with small parsers look for it. */
function buildQuery(who: Identity, exchange: Exchange, fields: Fields): DhcpMessage {
  const { degradeLevel } = exchange;
  const extras = degradeLevel < 2;
  return build(who, exchange, fields, [
    ...common(who, exchange, fields),
    ...when(extras || undefined, () => entry(OPTIONS.maxMessageSize, who.maxMessageSize)),
    ...addressing(fields),
    ...when((extras && fields.rapidCommit) || undefined, () => entry(OPTIONS.rapidCommit, true)),
    ...when(extras ? who.hostname : undefined, (name) => entry(OPTIONS.hostName, name)),
    ...(extras ? who.sent : []),
    entry(OPTIONS.parameterList, parameterList(who, degradeLevel)),
  ]);
}

/** Builds a DECLINE or RELEASE, which ask for nothing. RFC 2131 table 5. */
function buildNotice(who: Identity, exchange: Exchange, fields: Fields): DhcpMessage {
  return build(who, exchange, fields, [...common(who, exchange, fields), ...addressing(fields)]);
}

type Entries = readonly (readonly [code: number, value: Uint8Array])[];

const common = (who: Identity, { degradeLevel }: Exchange, { type }: Fields): Entries => [
  entry(OPTIONS.messageType, type),
  ...when(degradeLevel < 3 ? who.clientId : undefined, (id) => entry(OPTIONS.clientId, id)),
];

const addressing = ({ requested, server }: Fields): Entries => [
  ...when(requested, (address) => entry(OPTIONS.requestedAddress, address)),
  ...when(server, (address) => entry(OPTIONS.serverId, address)),
];

function parameterList(
  { wantsHostname, extraOptions }: Identity,
  degradeLevel: DegradeLevel,
): number[] {
  const options = degradeLevel > 0 ? MINIMUM : WANTED;
  const codes = options
    .filter((each) => wantsHostname || each !== OPTIONS.hostName)
    .map(({ code }) => code);
  return degradeLevel > 0 ? codes : [...new Set([...codes, ...extraOptions])];
}

function when<T, U>(value: T | undefined, make: (value: T) => U): readonly U[] {
  return value === undefined ? [] : [make(value)];
}
