import { type Effect6, isExchanging, type State6 } from '../../../src/core/v6/client/model.ts';
import { planLease6 } from '../../../src/core/v6/kernel/plan.ts';
import type { Lease6 } from '../../../src/core/v6/lease/lease.ts';
import type { OtherConfig } from '../../../src/core/v6/lease/other-config.ts';
import { decodeMessage6, encodeMessage6 } from '../../../src/core/v6/wire/message.ts';

const LEAST_RENEWAL = 30_000;
/** Unspecified, loopback, fe80::/10 and ff00::/8 in their canonical text. */
const UNUSABLE = /^(?:::1?$|fe[89ab][\da-f]:|ff[\da-f]{2}:)/;

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** What holds after every step of a client, whatever was sent to it. */
export function checkStep(state: State6, effects: readonly Effect6[], now: number): void {
  const { lease } = state.memory;
  if (lease !== undefined) checkLease(lease, now);
  check(state.memory.declined.length <= 16, 'many declined addresses');
  const sent = effects.filter(({ tag }) => tag === 'send');
  check(sent.length <= 1, `${sent.length} messages at once`);
  if (sent.length > 0) {
    check(isExchanging(state) && state.memory.carrier, 'a message without an exchange');
    check(state.wakeAt > now, `${state.tag} is due at once`);
  }
  for (const effect of effects) checkEffect(effect, now);
}

function checkEffect(effect: Effect6, now: number): void {
  if (effect.tag === 'bind') {
    const { lease, previous } = effect;
    checkLease(lease, now);
    const renewed = lease.t1At !== previous?.t1At;
    if (renewed) check(lease.t1At >= now + LEAST_RENEWAL, `T1 after ${lease.t1At - now} ms`);
  }
  if (effect.tag === 'configure') checkConfig(effect.config);
  if (effect.tag === 'send') {
    const bytes = encodeMessage6(effect.message);
    check(bytes.length <= 1232, `a message of ${bytes.length} bytes`);
    decodeMessage6(bytes);
  }
}

function checkLease(lease: Lease6, now: number): void {
  const { addresses, t1At, t2At } = lease;
  check(addresses.length > 0 && addresses.length <= 16, `${addresses.length} addresses`);
  check(t1At <= t2At, `T1 ${t1At}, T2 ${t2At}`);
  for (const { address, preferredUntil, validUntil } of addresses) {
    check(validUntil > now, `${address} is used after its end`);
    check(preferredUntil <= validUntil, `${address} is preferred for too long`);
    check(!UNUSABLE.test(address), `address ${address}`);
  }
  for (const { tag, address } of planLease6(lease, 2, [], now)) {
    check(tag === 'set-address' && address.prefix === 128, `${tag} ${address.prefix}`);
    check(address.preferredSeconds <= address.validSeconds, `lifetimes of ${address.address}`);
  }
  checkConfig(lease.config);
}

/** Characters that must not reach files and logs, whatever a server sends. */
export function checkConfig({ dns, search, ntp }: OtherConfig): void {
  check(dns.length <= 8 && ntp.length <= 8 && search.length <= 32, 'long lists');
  for (const each of dns) check(/^[\da-f:]+$/.test(each), `name server ${each}`);
  for (const each of [...search, ...ntp]) check(/^[\w.:-]+$/.test(each), `name ${each}`);
}
