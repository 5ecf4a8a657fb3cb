import { DirectoryWatch } from '@kios/agent';
import type { Link } from '@kios/netlink';

import type { LinkFlags } from '../../core/settings/flags.ts';
import type { Role } from '../client/supervisor.ts';
import { readBootId } from '../kernel/clock.ts';
import { hasNetworkFile, networkFiles, networkFolders } from './network-file.ts';
import type { NetworkPorts, Progress } from './progress.ts';

type RoleOf = (link: Link) => Role | undefined;

/** The part of a host without a network file that one with it has too: nothing else of it is loaded there. */
export interface FollowedFile {
  readonly roleOf: RoleOf;
  /** Resolves when the roles of links are known. With a file no link is touched before it was read. */
  readonly ready: Promise<void>;
  /** Runs until the signal is raised. `refresh` looks at all links again. */
  run(refresh: () => Promise<void>, signal: AbortSignal): Promise<void>;
}

/**
 * Serves links as the network file says, and as `chosen` says while there is none. A daemon waits for a file that comes
 * later.
 */
export function followNetworkFile(
  flags: LinkFlags,
  progress: Progress,
  ports: NetworkPorts,
  chosen: RoleOf,
): FollowedFile {
  const files = networkFiles(flags);
  const isThere = hasNetworkFile(files);
  const ready = Promise.withResolvers<void>();
  if (!isThere) ready.resolve();
  let roleOf = chosen;
  return {
    roleOf: (link) => roleOf(link),
    ready: ready.promise,
    async run(refresh, signal) {
      if (!isThere) await fileIn(files, progress.oneShot, signal);
      if (signal.aborted) return;
      const { serveNetworkFile, stableSecret } = await import('./serve-network-file.ts');
      const folders = { platform: flags.platformDir, run: flags.runDir };
      const options = {
        files,
        stateDir: flags.stateDir,
        lanDir: flags.lanDir,
        folders,
        bootId: readBootId(),
        trialMs: flags.networkTrial * 1000,
        sysctls: flags.sysctls,
        secret: await stableSecret(flags.hostFile),
        isChange: !isThere,
      };
      await serveNetworkFile(
        options,
        progress,
        ports,
        async (next) => {
          roleOf = next ?? chosen;
          ready.resolve();
          await refresh();
        },
        signal,
      );
    },
  };
}

/** Resolves once one of the files exists. A one-shot does not wait for one. */
async function fileIn(
  files: readonly string[],
  oneShot: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (oneShot) await new Promise<never>(() => undefined);
  using changes = new DirectoryWatch(networkFolders(files));
  while (!signal.aborted && !hasNetworkFile(files))
    await changes.wait(undefined, signal).catch(() => undefined);
}
