import { EXIT, KiosError, describe } from '@kios/errors';

import type { HostFacts } from '../../../guest/src/host-facts.ts';
import type { UpNode } from '../../lab/bring-up.ts';
import { lookAtHost } from '../../lab/debug-pod.ts';
import { NODE_ADDRESS } from '../../lab/node.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import type { Progress } from '../../workstation/progress.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import type { Assertion, Outcome, Subject } from './assertion.ts';
import { BOMB_ASSERTIONS } from './attacks/bombs.ts';
import { LOOPBACK_ASSERTIONS } from './attacks/loopback.ts';
import { MEDIA_OFFERS, MEDIA_REFUSALS, MEDIA_TRACES, VOLUME } from './attacks/media.ts';
import { METADATA_ASSERTIONS } from './attacks/metadata.ts';
import { SAME_MACHINE, TWIN_CASES } from './attacks/twin.ts';
import { CABLE_ASSERTIONS, RACE_ASSERTION } from './cable.ts';
import { buildEdited } from './edited-image.ts';
import { FEATURE_ASSERTIONS } from './features.ts';
import { HARDENED_ASSERTIONS } from './hardened.ts';
import { HOST_ASSERTIONS } from './host.ts';
import { KUBELET_ASSERTIONS } from './kubelet-restart.ts';
import { LIMIT_ASSERTIONS } from './limits.ts';
import { LOG_ASSERTIONS, LOGS_OF_THE_BOOT_BEFORE } from './logs.ts';
import { MODULE_ASSERTIONS } from './modules.ts';
import { PROBE_ASSERTIONS } from './probes.ts';
import { PODS_AFTER_REBOOT, POWER_BUTTON, REBOOT } from './reboot.ts';
import { STATIC_POD_ASSERTIONS } from './static-pods.ts';
import { STORE_ASSERTIONS } from './store.ts';
import type { Untrusted } from './untrusted-node.ts';
import { UNTRUSTED_CASES } from './untrusted.ts';
import { WORKLOAD_ASSERTIONS } from './workload.ts';

/** Hardware by which the node is attacked. */
export const ATTACKED = { scsi: true, emptyDisk: VOLUME } as const;

/**
 * Assertions about the node that `up` started. Reboot and power button come last, because they end what the others
 * check.
 */
export const NODE_ASSERTIONS: readonly Assertion[] = [
  ...STORE_ASSERTIONS,
  ...STATIC_POD_ASSERTIONS,
  ...LOG_ASSERTIONS,
  ...LIMIT_ASSERTIONS,
  ...HOST_ASSERTIONS,
  ...WORKLOAD_ASSERTIONS,
  ...METADATA_ASSERTIONS,
  ...LOOPBACK_ASSERTIONS,
  ...HARDENED_ASSERTIONS,
  ...FEATURE_ASSERTIONS,
  ...MODULE_ASSERTIONS,
  ...PROBE_ASSERTIONS,
  ...KUBELET_ASSERTIONS,
  ...BOMB_ASSERTIONS,
  ...CABLE_ASSERTIONS,
  ...MEDIA_OFFERS,
  REBOOT,
  PODS_AFTER_REBOOT,
  LOGS_OF_THE_BOOT_BEFORE,
  ...MEDIA_REFUSALS,
  POWER_BUTTON,
  MEDIA_TRACES,
];

/** Assertions about the same machine on fresh disks. */
export const UNTRUSTED_ASSERTIONS: readonly Assertion<Untrusted>[] = [
  ...TWIN_CASES,
  ...UNTRUSTED_CASES,
  SAME_MACHINE,
  RACE_ASSERTION,
];

/** Returns the node as checks see it. They share one look at the host, from before any check kills or reboots. */
export function subjectOf(up: UpNode, progress: Progress): Subject {
  let facts: Promise<HostFacts> | undefined;
  return {
    kubectl: up.kubectl,
    nodeName: up.nodeName,
    console: up.node.console,
    machine: up.node.machine,
    image: up.image,
    endpoint: up.join.endpoint,
    progress,
    lookAtHost: (afresh) => {
      if (afresh !== undefined) facts = undefined;
      facts ??= lookAtHost(up.kubectl, up.nodeName);
      return facts;
    },
  };
}

/** Returns the same machine on a fresh disk, as checks see it. */
export function untrustedOf(
  up: UpNode,
  { progress, signal }: Pick<CommandContext, 'progress' | 'signal'>,
): Untrusted {
  return {
    machine: up.node.machine,
    buildImage: () => buildEdited(progress),
    image: up.image,
    boot: { ...up.boot, scsi: false, quietCard: true },
    join: up.join,
    kubectl: up.kubectl,
    signal,
    setNodeForward: (port) => up.controlPlane.setNodeForward(NODE_ADDRESS, port),
  };
}

/** Checks all assertions one after the other, whether they hold or not. */
export async function checkAll<S>(
  assertions: readonly Assertion<S>[],
  subject: S,
  { progress, signal }: Pick<CommandContext, 'progress' | 'signal'>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, check } of assertions) {
    signal.throwIfAborted();
    const outcome = await progress.task(name, () =>
      check(subject).then(
        (detail) => ({ name, held: true, detail }),
        (error: unknown) => ({ name, held: false, detail: describe(error) }),
      ),
    );
    if (!outcome.held) progress.info(`  does not hold: ${outcome.detail}`);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** Checks the acceptance list, prints it as a table, and fails when an assertion does not hold. */
export async function runAcceptance(context: CommandContext, up: UpNode): Promise<void> {
  const onNode = await checkAll(NODE_ASSERTIONS, subjectOf(up, context.progress), context);
  const fresh = untrustedOf(up, context);
  const untrusted = await checkAll(UNTRUSTED_ASSERTIONS, fresh, context);
  const outcomes = [...onNode, ...untrusted];
  context.print('');
  const rows = outcomes.map(({ name, held, detail }) => [
    held ? 'holds' : 'FAILS',
    name,
    detail.split('\n')[0] ?? '',
  ]);
  for (const line of formatTable(rows)) context.print(line);
  const failed = outcomes.filter(({ held }) => !held);
  if (failed.length === 0) return;
  throw new KiosError(
    'KIOS_ACCEPTANCE',
    `accept the node: ${failed.length} of ${outcomes.length} assertions do not hold`,
    {
      // A check that waits for the API server does not know that the kernel panicked.
      cause: (fresh.node ?? up.node).console.failure,
      exitCode: EXIT.data,
      remedy: `The console is in ${up.node.console.file}.`,
    },
  );
}
