import type { SlotsState } from '@kios/node-state';
import type { Annotations, Update } from '@kios/node-turn';

import type { Refusal, Told } from '../faults/errors.ts';
import { type BuildRecord, digestFor } from '../image/build-record.ts';
import type { Arch } from '../image/pe.ts';
import { forgetFailure, type Memory, noteFailure } from './memory.ts';
import { bootedFor } from './request.ts';

/** What is known at one time. */
export interface Seen {
  readonly slots: SlotsState;
  readonly bootId: string;
  readonly arch: Arch;
  /** The system that the node is to run. */
  readonly record: BuildRecord;
  /** SHA-256 of the running system's file, and of the one that init says has failed. */
  readonly running: string | undefined;
  readonly failed: string | undefined;
  readonly memory: Memory;
  readonly annotations: Annotations;
  /** The order of a person's command; '' without one. */
  readonly order: string;
}

/** `ask`: the system is on the medium. `unstage`: what is on the medium is not wanted any more. */
type Wanted = 'rest' | 'stage' | 'unstage' | 'ask';

/**
 * What was done. `forgive`: failures were forgotten. `pause`: the medium is spared, after what failed or because the
 * machine may be about to boot into what is staged.
 */
export type Act = Wanted | 'forgive' | 'pause';

export interface Decision {
  readonly act: Wanted;
  readonly report: Update;
}

/**
 * Returns the system that the machine was to boot into, unless that runs or another one is on trial. Nobody can tell
 * what runs where init manages no systems, as after a start from another medium.
 */
function cameBackFrom({ slots, annotations, bootId, running }: Seen): string | undefined {
  const meant = bootedFor(annotations, bootId);
  return meant === running || slots.state !== 'good' ? undefined : meant;
}

/** Returns what is known of failures, by this agent, init and the turn. What runs, confirmed, is no failure. */
export function learnFailures(seen: Seen): Memory {
  const { slots, running, failed } = seen;
  const back =
    running === undefined
      ? 'the machine came back, and nobody can tell on which version'
      : 'the machine came back on another version';
  const known: (readonly [digest: string | undefined, why: string])[] = [
    [failed, slots.failed?.why ?? ''],
    [cameBackFrom(seen), back],
  ];
  const memory = known.reduce(
    (before, [digest, why]) => (digest === undefined ? before : noteFailure(before, digest, why)),
    seen.memory,
  );
  return slots.state === 'good' && running !== undefined ? forgetFailure(memory, running) : memory;
}

/** Returns the memory with what this agent has told before, in case it was lost. */
export const learnTold = (memory: Memory, told: readonly string[]): Memory =>
  told.reduce(
    (before, digest) => noteFailure(before, digest, 'it came back from it before'),
    memory,
  );

/** Returns why a system is not even looked at. */
function refusalOf({ slots, arch, record }: Seen): Refusal | undefined {
  if (!slots.managed) {
    const why = slots.reason === '' ? 'init does not manage it' : slots.reason;
    return { code: 'KIOS_UPDATE_UNMANAGED', message: `update this machine: ${why}` };
  }
  const doing = `run kiOS ${record.version}`;
  if (record.arch !== arch) {
    const message = `${doing}: it is for ${record.arch}, and this machine is ${arch}`;
    return { code: 'KIOS_UPDATE_ARCH', message };
  }
  if (slots.encrypted && record.measured === undefined) {
    const message = `${doing}: it was built without --pcr-key, and would not open the encrypted data partition`;
    return { code: 'KIOS_UPDATE_MEASURED', message };
  }
  if (digestFor(record, slots.board) !== undefined) return undefined;
  const message = `${doing}: its image has nothing that the board ${slots.board} starts`;
  return { code: 'KIOS_UPDATE_BOARD', message };
}

/** Returns the digest by which the wanted system is known on this machine. */
const wanted = ({ record, slots }: Pick<Seen, 'record' | 'slots'>): string =>
  digestFor(record, slots.board) ?? record.efi.sha256;

/** Returns the report of a system that is not written. */
export function refusedReport(report: Update, { code, message }: Told): Update {
  return { ...report, state: 'refused', code, message: `cannot ${message}` };
}

/** Returns what is told of a node in any case. */
export function reportOf({ bootId, record, running, slots, memory, order }: Seen): Update {
  return {
    v: 1,
    bootId,
    state: 'staging',
    version: record.version,
    digest: wanted({ record, slots }),
    ...(running === undefined ? {} : { running }),
    trial: slots.state === 'trial',
    failed: memory.failed.map(({ digest }) => digest),
    ...(order === '' ? {} : { order }),
  };
}

function ofRunning({ slots, memory, bootId }: Seen, report: Update): Decision {
  if (slots.state === 'trial') {
    const message = 'it runs, and init has not confirmed it yet';
    return { act: 'rest', report: { ...report, state: 'trial', message } };
  }
  const isStaged = memory.staged?.bootId === bootId;
  return { act: isStaged ? 'unstage' : 'rest', report: { ...report, state: 'current' } };
}

/** Decides what to do next, from what is known. `memory` must have learnt its failures. */
export function decide(seen: Seen): Decision {
  const { slots, record, running, memory, bootId } = seen;
  const report = reportOf(seen);
  const refusal = refusalOf(seen);
  if (refusal !== undefined) return { act: 'rest', report: refusedReport(report, refusal) };
  const { digest } = report;
  if (running === digest) return ofRunning(seen, report);
  const failure = memory.failed.find((failed) => failed.digest === digest);
  if (failure !== undefined) {
    const message = `this node came back from kiOS ${record.version}: ${failure.why}`;
    const code = 'KIOS_UPDATE_FAILED';
    return { act: 'rest', report: { ...report, state: 'failed', code, message } };
  }
  if (slots.state === 'trial') {
    const message = `stage kiOS ${record.version}: the running system is on trial`;
    return { act: 'rest', report: refusedReport(report, { code: 'KIOS_UPDATE_TRIAL', message }) };
  }
  const { staged } = memory;
  const isReady = staged?.isReady === true && staged.bootId === bootId && staged.digest === digest;
  if (!isReady) return { act: 'stage', report };
  return { act: 'ask', report: { ...report, state: 'staged' } };
}
