import type { SlotsState } from '@kios/node-state';
import { type Annotations, parseUpdate, UPDATE, type Update } from '@kios/node-turn';

import type { Refusal } from '../faults/errors.ts';
import type { BuildRecord } from '../image/build-record.ts';
import type { Arch } from '../image/pe.ts';
import { type Memory, noteFailure } from './memory.ts';
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
export type Act = 'rest' | 'stage' | 'unstage' | 'ask';

export interface Decision {
  readonly act: Act;
  readonly report: Update;
}

/** Returns the system that the machine was to boot into, if another one runs for good. */
function cameBackFrom({ slots, annotations, bootId, running }: Seen): string | undefined {
  const meant = bootedFor(annotations, bootId);
  return running === undefined || meant === running || slots.state !== 'good' ? undefined : meant;
}

/** Returns what is known of failures now: by this agent, by what it told before, by init and by the turn. */
export function learnFailures(seen: Seen): Memory {
  const told = parseUpdate(seen.annotations[UPDATE])?.failed ?? [];
  const known: (readonly [digest: string | undefined, why: string])[] = [
    [seen.failed, seen.slots.failed?.why ?? ''],
    [cameBackFrom(seen), 'the machine came back on another version'],
    ...told.map((digest) => [digest, 'it came back from it before'] as const),
  ];
  return known.reduce(
    (memory, [digest, why]) => (digest === undefined ? memory : noteFailure(memory, digest, why)),
    seen.memory,
  );
}

/** Returns why a system is not even looked at. */
function refusalOf({ slots, arch, record }: Seen): Refusal | undefined {
  if (!slots.managed) {
    const why = slots.reason === '' ? 'init does not manage it' : slots.reason;
    return { code: 'KIOS_UPDATE_UNMANAGED', message: `update this machine: ${why}` };
  }
  if (record.arch === arch) return undefined;
  const message = `run kiOS ${record.version}: it is for ${record.arch}, and this machine is ${arch}`;
  return { code: 'KIOS_UPDATE_ARCH', message };
}

/** Returns the report of a system that is not written. */
export function refusedReport(report: Update, { code, message }: Refusal): Update {
  return { ...report, state: 'refused', code, message: `cannot ${message}` };
}

function reportOf({ bootId, record, running, slots, memory, order }: Seen): Update {
  return {
    v: 1,
    bootId,
    state: 'staging',
    version: record.version,
    digest: record.efi.sha256,
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
  if (running === record.efi.sha256) return ofRunning(seen, report);
  const failure = memory.failed.find(({ digest }) => digest === record.efi.sha256);
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
  const isReady =
    staged?.isReady === true && staged.bootId === bootId && staged.digest === record.efi.sha256;
  if (!isReady) return { act: 'stage', report };
  return { act: 'ask', report: { ...report, state: 'staged' } };
}
