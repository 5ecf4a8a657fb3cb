import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, readIfThere, sleep } from '@kios/agent';

import { listensOnUdp } from '../../core/node/proc-net.ts';
import type { Settings } from '../../core/settings/settings.ts';

const LOOK_AGAIN_MS = 100;
const DHCP_CLIENT_PORT = 68;

/** The sign that the last container of each shipped pod runs. It is of this boot, because all of them are in RAM. */
const SIGNS: Readonly<Record<string, (settings: Settings) => Promise<boolean>>> = {
  'chrony.yaml': async ({ run }) =>
    (await readIfThere(path.join(run, 'time/state.json'))) !== undefined,
  // The init container gets the lease without the port; the daemon after it opens the port.
  'dhcp.yaml': async ({ procNet }) =>
    listensOnUdp((await readIfThere(path.join(procNet, 'udp'))) ?? '', DHCP_CLIENT_PORT),
  'modloader.yaml': async ({ run }) =>
    (await readIfThere(path.join(run, 'modules/status.json'))) !== undefined,
};

async function missingPods(settings: Settings): Promise<readonly string[]> {
  const dir = path.join(settings.etc, 'kubernetes/manifests');
  const manifests: readonly string[] = await readdir(dir).catch(() => []);
  const expected = Object.entries(SIGNS).filter(([manifest]) => manifests.includes(manifest));
  const up = await Promise.all(expected.map(async ([, isUp]) => isUp(settings)));
  return expected.map(([manifest]) => manifest).filter((_manifest, index) => up[index] === false);
}

/**
 * Waits until the shipped static pods of this node run: a kubelet that is stopped while it creates a container makes
 * that container again and counts a restart. It waits at most `--pods-timeout`, because a late or broken pod must not
 * keep the node out of its cluster.
 */
export async function waitForStaticPods(
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now();
  const deadline = start + settings.podsTimeoutSeconds * 1000;
  let missing = await missingPods(settings);
  if (missing.length === 0) return;
  log.info({ ev: 'pods.wait', missing });
  while (missing.length > 0 && performance.now() < deadline) {
    await sleep(LOOK_AGAIN_MS, signal);
    missing = await missingPods(settings);
  }
  const ms = Math.round(performance.now() - start);
  if (missing.length > 0) log.info({ ev: 'pods.late', missing, ms });
  else log.info({ ev: 'pods.up', ms });
}
