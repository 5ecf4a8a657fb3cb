import { rm } from 'node:fs/promises';
import path from 'node:path';

import { sendCommand } from '@kios/host-api';

import type { OutputFile } from '../core/files/output-file.ts';
import { REGISTRY_CREDENTIALS } from '../core/files/registry-files.ts';
import { BOOTSTRAP_KUBECONFIG, KUBECONFIG } from '../core/files/render.ts';
import type { Settings } from '../core/settings/settings.ts';
import { publishCluster } from '../edge/files/publish-cluster.ts';
import { changedFiles, placeFiles } from '../edge/files/transaction.ts';
import { forgetAttested } from '../edge/node/attested.ts';
import { forgetFormerIdentity, setIdentityAside } from '../edge/node/identity-files.ts';
import { readJoinState } from '../edge/node/node.ts';
import type { JoinContext } from './context.ts';
import { planNetwork } from './network.ts';

/** In the opposite order of joining: the file that a standalone kubelet refuses goes before the kubeconfig. */
const OURS = [
  'kubernetes/kubelet.conf.d/20-cluster.conf',
  KUBECONFIG,
  BOOTSTRAP_KUBECONFIG,
  'kubernetes/kubelet.conf.d/50-user.conf',
  'kubernetes/kubelet.conf.d/10-kios.conf',
  'hostname',
  'kubernetes/node-ip',
  'kubernetes/node-labels',
  'kubernetes/cloud-provider',
  'kubernetes/proxy',
  'kubernetes/credential-providers.yaml',
  REGISTRY_CREDENTIALS,
  'kubernetes/pki/ca.crt',
];

/** Returns the files that joining wrote and that still exist, as files to remove. */
export async function planReset(settings: Settings): Promise<readonly OutputFile[]> {
  const state = await readJoinState(settings);
  const paths = [...OURS, ...(state?.userFiles ?? [])];
  const files = paths.map((file): OutputFile => ({ path: file, content: undefined, mode: 0o644 }));
  return changedFiles(settings.etc, [...files, ...(await planNetwork(settings, {}))]);
}

/** Makes the node standalone again and removes all of its cluster, its certificates last. */
export async function reset({ settings, log, signal }: JoinContext): Promise<void> {
  const removed = await planReset(settings);
  await publishCluster(settings, undefined);
  await setIdentityAside(settings);
  await placeFiles(settings.etc, removed);
  await forgetFormerIdentity(settings);
  await forgetAttested(settings);
  for (const name of [
    'state.json',
    'fetched.json',
    'seed.json',
    'previous.json',
    'announced-ca.crt',
  ])
    await rm(path.join(settings.stateDir, name), { force: true });
  for (const { path: file } of removed)
    log.info({ ev: 'file.written', path: path.join('/etc', file), removed: true });
  if (removed.length === 0) return log.info({ ev: 'restart.skipped', why: 'nothing to remove' });
  if (!settings.restart) return log.info({ ev: 'restart.skipped', why: '--no-restart' });
  await sendCommand(settings.socket, 'restart-kubelet', { signal });
  log.info({ ev: 'restart.sent', why: 'reset', console: true });
}
