import type { Millis } from '../../client/timing.ts';
import { type Lease6, serverDuid } from '../lease/lease.ts';
import { type Message6, TYPE6 } from '../wire/message.ts';
import { entry6, OptionList, type RawOption } from '../wire/option-list.ts';
import { OPTIONS6 } from '../wire/options.ts';
import type { Identity6 } from './identity.ts';
import type { Exchanging6, ExchangeTag, Policy6 } from './model.ts';

const MOST_ELAPSED = 0xffff;
const SHARED = [
  OPTIONS6.dnsServers,
  OPTIONS6.searchList,
  OPTIONS6.ntpServers,
  OPTIONS6.sntpServers,
];
/** SOL_MAX_RT and INF_MAX_RT must be asked for. RFC 8415 §21.24, §21.25. */
const WANTED = [...SHARED, OPTIONS6.solMaxRt].map(({ code }) => code);
const WANTED_ALONE = [...SHARED, OPTIONS6.informationRefreshTime, OPTIONS6.infMaxRt].map(
  ({ code }) => code,
);

const TYPES: Readonly<Record<ExchangeTag, number>> = {
  soliciting: TYPE6.solicit,
  requesting: TYPE6.request,
  confirming: TYPE6.confirm,
  renewing: TYPE6.renew,
  rebinding: TYPE6.rebind,
  releasing: TYPE6.release,
  declining: TYPE6.decline,
  informing: TYPE6.informationRequest,
};

/** Messages that ask for configuration. RFC 8415 table 2 of appendix B. */
const ASKING: ReadonlySet<ExchangeTag> = new Set([
  'soliciting',
  'requesting',
  'renewing',
  'rebinding',
]);
/** Messages to one server, which the others ignore. */
const TO_ONE: ReadonlySet<ExchangeTag> = new Set([
  'requesting',
  'renewing',
  'releasing',
  'declining',
]);

/** Builds the message of the exchange under way. */
export function request6(state: Exchanging6, policy: Policy6, now: Millis): Message6 {
  const { tag, exchange } = state;
  const { identity } = policy;
  const elapsed = Math.min(Math.floor((now - exchange.startedAt) / 10), MOST_ELAPSED);
  return {
    type: TYPES[tag],
    transactionId: exchange.transactionId,
    options: new OptionList([
      entry6(OPTIONS6.clientId, identity.duid),
      ...serverOf(state),
      entry6(OPTIONS6.elapsedTime, elapsed),
      ...(tag === 'informing' ? [] : [association(identity.iaid, addressesOf(state))]),
      ...(tag === 'soliciting' && policy.rapidCommit ? [entry6(OPTIONS6.rapidCommit, true)] : []),
      ...(ASKING.has(tag) ? asked(identity) : []),
      ...(tag === 'informing' ? [entry6(OPTIONS6.optionRequest, WANTED_ALONE)] : []),
    ]),
  };
}

function serverOf({ tag, offer, memory }: Exchanging6): readonly RawOption[] {
  if (!TO_ONE.has(tag)) return [];
  const server = offer?.server ?? (memory.lease && serverDuid(memory.lease));
  return server === undefined ? [] : [entry6(OPTIONS6.serverId, server)];
}

/** An offer that is still being chosen names no addresses: other servers may have better ones. */
function addressesOf({ tag, offer, memory }: Exchanging6): readonly string[] {
  if (tag !== 'soliciting' && offer !== undefined) {
    return offer.addresses.map(({ address }) => address);
  }
  return addressesIn(memory.lease);
}

const addressesIn = (lease: Lease6 | undefined): readonly string[] =>
  lease?.addresses.map(({ address }) => address) ?? [];

/** Times of 0 ask for what the server likes. RFC 8415 §18.2.2. */
function association(iaid: number, addresses: readonly string[]): RawOption {
  return entry6(OPTIONS6.iaNa, {
    iaid,
    t1Seconds: 0,
    t2Seconds: 0,
    addresses: addresses.map((address) => ({ address, preferredSeconds: 0, validSeconds: 0 })),
  });
}

const asked = ({ fqdn, userClass, vendorClass }: Identity6): readonly RawOption[] => [
  entry6(OPTIONS6.optionRequest, fqdn ? [...WANTED, OPTIONS6.fqdn.code] : WANTED),
  ...(fqdn ? [entry6(OPTIONS6.fqdn, fqdn)] : []),
  ...(userClass ? [entry6(OPTIONS6.userClass, userClass)] : []),
  ...(vendorClass ? [entry6(OPTIONS6.vendorClass, vendorClass)] : []),
];
