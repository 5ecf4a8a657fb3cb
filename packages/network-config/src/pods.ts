import * as v from 'valibot';

import { isLoopback, whyNobody } from './check/nobody.ts';
import type { Tree } from './document/tree.ts';
import type { Path, Report } from './fault.ts';
import type { NetworkConfig, PodsConfig } from './model/model.ts';
import { check } from './schema/check.ts';
import { network, text } from './schema/scalars.ts';
import { parseCidr, widthOf } from './values/ip.ts';
import { nearest } from './values/names.ts';

/** What kubeadm gives a cluster that says nothing else. */
const SERVICES = ['10.96.0.0/12'];

/** Stands beside `network`, whose keys are netplan's. */
const pods = v.object({ lan: text, services: v.optional(v.array(network)) });

function checkBridge(id: string, { links }: NetworkConfig, report: Report): void {
  const path = ['pods', 'lan'];
  const bridges = links.filter((link) => link.kind === 'bridge');
  const bridge = bridges.find((link) => link.id === id);
  if (bridge === undefined) {
    const close = nearest(
      id,
      bridges.map((each) => each.id),
    );
    const hint = close === undefined ? '' : `Did you mean ${close}? `;
    report(
      path,
      `names a bridge that the file does not have: ${id}`,
      `${hint}Add it below bridges.`,
    );
  } else if (bridge.interfaces.length !== 1)
    report(
      path,
      `names a bridge with ${bridge.interfaces.length} interfaces: ${id}`,
      'Give it one, towards the segment; two cards can be a bond.',
    );
}

/** A route for Services leads to the host, which nothing else of the segment may do. */
function checkServices(
  services: readonly string[],
  pathOf: (at: number) => Path,
  report: Report,
): void {
  for (const [at, service] of services.entries()) {
    const cidr = parseCidr(service);
    if (cidr === undefined) continue;
    const path = pathOf(at);
    const remedy = 'Write the network of the cluster: its serviceSubnet.';
    const why = isLoopback(cidr)
      ? 'is a network of the loopback'
      : whyNobody({ ...cidr, prefix: widthOf(cidr.family) });
    if (cidr.prefix === 0) report(path, `is every address: ${service}`, remedy);
    else if (why !== undefined) report(path, `${why}: ${service}`, remedy);
  }
}

/** Reads which pods have addresses of the host's own segment, and adds that to what the file says of the host. */
export function readPods(
  tree: Tree | undefined,
  config: NetworkConfig,
  report: Report,
): NetworkConfig {
  if (tree === undefined) return config;
  const { output, original } = check(pods, tree, ['pods'], report);
  if (output === undefined) return config;
  const pathOf = (at: number): Path => ['pods', ...original(['services', at])];
  checkServices(output.services ?? [], pathOf, report);
  // A file whose links are too faulty has its own faults.
  if (config.links.length > 0) checkBridge(output.lan, config, report);
  const read: PodsConfig = { lan: output.lan, services: output.services ?? SERVICES };
  return { ...config, pods: read };
}
