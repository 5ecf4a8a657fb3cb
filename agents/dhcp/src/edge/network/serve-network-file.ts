import { createHash } from 'node:crypto';

import { formatIpv6 } from '@kios/bytes';
import { HostState, readStateIfThere } from '@kios/node-state';

import { overrideOf } from '../../core/network/client-settings.ts';
import type { FileRole } from '../../core/network/roles.ts';
import type { Role } from '../client/supervisor.ts';
import { FollowedPods } from './followed-pods.ts';
import { type Assignment, HostNetwork, type HostNetworkOptions } from './host-network.ts';
import type { NetworkPorts, Progress } from './progress.ts';
import { readApart, readHere } from './read-network.ts';

type RoleOf = (link: { readonly index: number }) => Role | undefined;

/** Makes a link's role of what the file says. The role of a link for which that has not changed is the same object. */
class Roles {
  readonly #known = new Map<number, { readonly said: string; readonly role: Role }>();

  of(index: number, file: FileRole): Role {
    const said = JSON.stringify(file);
    const known = this.#known.get(index);
    if (known?.said === said) return known.role;
    const role: Role = {
      ipv4: file.dhcp4 !== undefined,
      ipv6: file.dhcp6 !== undefined || file.ra !== undefined,
      metric: file.metric,
      override: (settings) => overrideOf(file, settings),
      isOptional: file.isOptional,
      ...(file.uplinks === undefined ? {} : { uplinks: file.uplinks }),
    };
    this.#known.set(index, { said, role });
    return role;
  }
}

/** Makes the secret of stable addresses of what the machine is, so that they are the same after a new installation. */
export async function stableSecret(hostFile: string): Promise<string | undefined> {
  const host = await readStateIfThere(HostState, hostFile).catch(() => undefined);
  if (host?.machine === undefined) return undefined;
  const digest = createHash('sha256').update(`kios stable-privacy ${host.machine}`).digest();
  return formatIpv6(digest.subarray(0, 16));
}

/** Carries the network file out until the signal is raised. Without a file `assign` gets undefined. */
export async function serveNetworkFile(
  options: Omit<HostNetworkOptions, 'read'> & { readonly lanDir: string },
  progress: Progress,
  ports: NetworkPorts,
  assign: (roleOf: RoleOf | undefined) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const known = new Roles();
  const { stateDir, lanDir, folders, bootId } = options;
  const where = { stateDir, lanDir, platformDir: folders.platform, bootId };
  const followed = new FollowedPods(where, ports);
  const onAssignment = async ({ roles, carrier, bound, pods }: Assignment): Promise<void> => {
    const roleOf: RoleOf = ({ index }) => {
      const file = roles?.get(index);
      return file && known.of(index, file);
    };
    await assign(roles && roleOf);
    if (!progress.oneShot) await followed.follow(pods, signal);
    if (carrier !== undefined) progress.onCarrier();
    if (bound !== undefined) progress.onBound(bound);
  };
  // The boot waits for a one-shot, whose memory ends with it anyway.
  const read = progress.oneShot ? readHere : readApart;
  await new HostNetwork({ ...options, read }, ports).run(onAssignment, signal);
}
