import type { AgentContext } from '@kios/agent';

import type { Settings } from '../core/settings/settings.ts';
import { Cluster } from '../edge/cluster/cluster.ts';
import { MemoryFile, ownArch, readBootId, readRecord, SlotsFile } from '../edge/host/host.ts';
import { Keeper } from './keeper.ts';
import { Stager } from './stager.ts';

export async function openStager(
  settings: Settings,
  { signal, log }: AgentContext,
): Promise<Stager> {
  const { socket, esp, os, state } = settings;
  return Stager.open({
    place: { socket, folder: esp },
    os,
    bootId: await readBootId(settings.bootId),
    memory: new MemoryFile(state),
    signal,
    log,
  });
}

export async function openKeeper(settings: Settings, context: AgentContext): Promise<Keeper> {
  const { slots, os, order, reboot, asking } = settings;
  const file = new SlotsFile(slots, () => performance.now());
  return new Keeper({
    cluster: new Cluster(settings, context.signal),
    slots: () => file.read(),
    stager: await openStager(settings, context),
    record: await readRecord(os),
    arch: ownArch(),
    bootId: await readBootId(settings.bootId),
    order,
    asking: reboot ? asking : undefined,
    now: () => Date.now(),
    elapsed: () => performance.now(),
    log: context.log,
  });
}
