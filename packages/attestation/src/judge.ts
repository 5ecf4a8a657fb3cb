import { createHash, verify } from 'node:crypto';

import { DecodeError, fromHex, toHex } from '@kios/bytes';

import { decodeKey, nameOfKey } from './attestation-key.ts';
import { decodeEventLog, extend, type MeasuredEvent, PCR, replay, TOLD } from './event-log.ts';
import { decodeQuote } from './quote.ts';
import type { Report } from './report.ts';

/** A machine whose word counts. */
export interface KnownMachine {
  /** The name of its attestation key. */
  readonly key: string;
  /** Values that PCRs of it must have, in hexadecimal, by number. */
  readonly pcrs: Readonly<Record<string, string>>;
}

/** The two programs by which a system starts, by their digests: the EFI file, whose stub then starts the kernel. */
export interface Started {
  readonly image: string;
  readonly kernel: string;
}

/** What a node may be. All digests are SHA-256, in hexadecimal. */
export interface Known {
  /** By the name of the node. */
  readonly machines: ReadonlyMap<string, KnownMachine>;
  /** Each system that may join, by PCR 11 as systemd's stub leaves it. */
  readonly systems: ReadonlyMap<string, Started>;
  /** The programs that firmware may start: guards, loaders, systems and kernels (Authenticode). */
  readonly programs: ReadonlySet<string>;
}

/** What a node presents. */
export interface Presented {
  readonly node: string;
  readonly report: Report;
  /** What its quote has to be bound to: the key for which it wants a certificate. */
  readonly bound: Uint8Array;
}

const PURPOSE = 'kios.dev/attestation/v1\n';
const OPENED = 'kios: the data partition was opened';

const sha256 = (...parts: readonly (Uint8Array | string)[]): Uint8Array => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return new Uint8Array(sum.digest());
};
const equal = (one: Uint8Array, other: Uint8Array): boolean => toHex(one) === toHex(other);

/** What firmware measures into PCR 4 besides programs (PC Client PFP, sections 3.3.4.5 and 10.4.3). */
const ACTIONS: ReadonlySet<string> = new Set([
  toHex(sha256('Calling EFI Application from Boot Option')),
  toHex(sha256('Returning from EFI Application from Boot Option')),
  toHex(sha256(new Uint8Array(4))),
]);

function keyFault(node: string, { public: key }: Report, { machines }: Known): string | undefined {
  const machine = machines.get(node);
  const name = nameOfKey(key);
  if (machine === undefined)
    return `no machine is known by the name ${node}; this one has the key ${name}`;
  return machine.key === name
    ? undefined
    : `this machine has the key ${name}, and ${node} is known by ${machine.key}`;
}

/** Whether the TPM of this key has said so, of just these values, and for this certificate. */
function quoteFault({ report, bound }: Presented): string | undefined {
  const { attested, signature, pcrs } = report;
  const key = { key: decodeKey(report.public), dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', attested, key, signature)) return 'its quote is not signed by its key';
  const quote = decodeQuote(attested);
  if (!equal(quote.extraData, sha256(PURPOSE, bound)))
    return 'its quote is for another certificate request';
  const quoted = new Set(quote.pcrs.map(String));
  if (Object.keys(pcrs).some((pcr) => !quoted.has(pcr))) return 'it has PCRs that are not quoted';
  const values = quote.pcrs.map((pcr) => pcrs[String(pcr)] ?? new Uint8Array());
  return equal(quote.digest, sha256(...values)) ? undefined : 'its PCRs are not those of its quote';
}

/** Whether the log tells the whole value of the PCRs that count. */
function logFault(events: readonly MeasuredEvent[], { pcrs }: Report): string | undefined {
  const untold = TOLD.find((pcr) => {
    const told = replay(events, pcr);
    const expected = pcr === PCR.system ? extend(told, sha256(OPENED)) : told;
    return !equal(expected, pcrs[String(pcr)] ?? new Uint8Array());
  });
  return untold === undefined ? undefined : `its log does not lead to PCR ${untold}`;
}

function programsFault(events: readonly MeasuredEvent[], { programs }: Known): string | undefined {
  const foreign = events
    .filter(({ pcr }) => pcr === PCR.programs)
    .map(({ digest }) => toHex(digest))
    .filter((digest) => !ACTIONS.has(digest) && !programs.has(digest));
  return foreign.length === 0
    ? undefined
    : `its firmware started what is not known: ${foreign.join(', ')}`;
}

/**
 * Whether the system that PCR 11 names is the one that firmware started last, and its kernel directly behind it. A
 * kernel that was started by anybody else has that one's initramfs, which can extend PCR 11 as it likes.
 */
function startFault(
  events: readonly MeasuredEvent[],
  { image, kernel }: Started,
): string | undefined {
  const last = events.filter(({ pcr }) => pcr === PCR.programs).slice(-2);
  const [first, second] = last.map(({ digest }) => toHex(digest));
  return first === image && second === kernel
    ? undefined
    : 'its kernel was not started by the EFI file of its system, or something was started after it';
}

function systemFault(events: readonly MeasuredEvent[], { systems }: Known): string | undefined {
  if (replay(events, PCR.words).some((byte) => byte !== 0))
    return 'somebody has added words to its kernel command line (PCR 12)';
  const system = toHex(replay(events, PCR.system));
  const started = systems.get(system);
  return started === undefined
    ? `it runs a system that is not known: ${system}`
    : startFault(events, started);
}

function pinFault({ node, report }: Presented, { machines }: Known): string | undefined {
  for (const [pcr, value] of Object.entries(machines.get(node)?.pcrs ?? {})) {
    const found = toHex(report.pcrs[pcr] ?? new Uint8Array());
    if (!equal(fromHex(value), fromHex(found)))
      return `its PCR ${pcr} is ${found}, and ${node} is known by ${value}`;
  }
  return undefined;
}

/** Says why a node is not to get its certificate; undefined when everything is known. */
export function faultOf(presented: Presented, known: Known): string | undefined {
  const { node, report } = presented;
  try {
    const fault = keyFault(node, report, known) ?? quoteFault(presented);
    if (fault !== undefined) return fault;
    const events = decodeEventLog(report.log);
    return (
      logFault(events, report) ??
      pinFault(presented, known) ??
      programsFault(events, known) ??
      systemFault(events, known)
    );
  } catch (error) {
    if (error instanceof DecodeError) return `its report cannot be read: ${error.message}`;
    throw error;
  }
}
