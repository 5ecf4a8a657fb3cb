import path from 'node:path';

import { fetchBun } from '../../build/image/runtime.ts';
import { moduleTrees } from '../../build/kernel/module-trees.ts';
import { fetchDhcpPeers } from '../../build/sources/debian/dhcp-peers.ts';
import { openToolroot } from '../../build/sources/debian/toolroot.ts';
import { buildUpstream } from '../../build/sources/upstream/build.ts';
import { workstationArch } from '../../workstation/arch.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { SuiteName } from './suites.ts';

const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager'];
const NODE = ['containerd', 'kubelet'];

/** Modules of whole kernels, and the program that is asked about them. */
async function modulesOracle(progress: Progress): Promise<Readonly<Record<string, string>>> {
  const trees = await moduleTrees(progress);
  const tools = await openToolroot(progress);
  const folders = trees.map(({ root, kernel }) => path.join(root, 'lib/modules', kernel));
  return {
    KIOS_MODULE_TREES: folders.join(':'),
    KIOS_MODPROBE: tools.command('usr/sbin/modprobe').join(' '),
  };
}

/**
 * Returns environment variables that name programs for the tests of other workspaces, which may not import from here.
 * `KIOS_BUN` is the shipped runtime, which quick unit tests on a workstation do without. `KIOS_PEERS` is a root folder
 * with DHCP servers. `KIOS_CONTROL_PLANE_BIN` and `KIOS_NODE_BIN` are the folders, separated by colons, of a control
 * plane's and a node's programs. `KIOS_MODULE_TREES` are the folders of all modules of our kernel and of Debian's,
 * and `KIOS_MODPROBE` is the command line of kmod's modprobe, to which the module loader is compared.
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
  return { ...bun, ...netns, ...(await modulesOracle(progress)), KIOS_CONTROL_PLANE_BIN, KIOS_NODE_BIN }; // prettier-ignore
}
