import path from 'node:path';

import { fetchBun } from '../../build/image/runtime.ts';
import { fetchDhcpPeers } from '../../build/sources/debian/dhcp-peers.ts';
import { buildUpstream } from '../../build/sources/upstream/build.ts';
import { workstationArch } from '../../workstation/arch.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { SuiteName } from './suites.ts';

const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager'];
const NODE = ['containerd', 'kubelet'];

/**
 * Returns environment variables that name programs for the tests of other workspaces, which may not import from here.
 * `KIOS_BUN` is the shipped runtime, which quick unit tests on a workstation do without. `KIOS_PEERS` is a root folder
 * with DHCP servers. `KIOS_CONTROL_PLANE_BIN` and `KIOS_NODE_BIN` are the folders, separated by colons, of a control
 * plane's and a node's programs.
 */
export async function programsFor(
  suites: readonly SuiteName[],
  progress: Progress,
): Promise<Readonly<Record<string, string>>> {
  const bun =
    process.env['CI'] === 'true' || suites.some((suite) => suite !== 'unit')
      ? { KIOS_BUN: await fetchBun(workstationArch(), progress) }
      : {};
  const netns = suites.includes('netns') ? { KIOS_PEERS: await fetchDhcpPeers(progress) } : {};
  if (!suites.includes('e2e')) return { ...bun, ...netns };
  const folders = async (programs: readonly string[]): Promise<string> => {
    const built = await buildUpstream(programs, workstationArch(), progress);
    return [...built.values()].map((program) => path.dirname(program.path)).join(':');
  };
  const [KIOS_CONTROL_PLANE_BIN, KIOS_NODE_BIN] = [
    await folders(CONTROL_PLANE),
    await folders(NODE),
  ];
  return { ...bun, ...netns, KIOS_CONTROL_PLANE_BIN, KIOS_NODE_BIN };
}
