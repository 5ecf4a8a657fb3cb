import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { repository } from '../../../workstation/paths.ts';
import { type GoMod, moduleOf, parseGoMod } from './go-mod.ts';

/** How the programs of one folder in os/upstream are built. Their names and versions are in its go.mod. */
interface Component {
  readonly dir: string;
  /** The module whose version the programs carry. */
  readonly module: string;
  readonly tags: readonly string[];
  /** Linker variables that make the programs report their version. */
  readonly stamps: (version: string) => Readonly<Record<string, string>>;
  /** Packages of which the program is made that `go test` runs. */
  readonly tests?: readonly string[];
  /** Needs a C compiler: runc enters namespaces in C before Go's threads start, and uses libseccomp. */
  readonly cgo?: true;
}

const kubernetesStamps = (version: string): Record<string, string> => {
  const [major = '', minor = ''] = version.slice(1).split('.');
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'archive' };
  // The module proxy's archive has no commit; an empty one is better than the source's unexpanded placeholder.
  const all = { ...values, gitCommit: '' };
  return Object.fromEntries(
    ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((home) =>
      Object.entries(all).map(([name, value]) => [`${home}.${name}`, value]),
    ),
  );
};

export const COMPONENTS: readonly Component[] = [
  {
    dir: 'containerd',
    module: 'github.com/containerd/containerd/v2',
    tags: ['no_btrfs', 'no_devmapper', 'no_zfs', 'no_aufs', 'urfave_cli_no_docs'],
    stamps: (version) => ({ 'github.com/containerd/containerd/v2/version.Version': version }),
  },
  {
    dir: 'kubernetes',
    module: 'k8s.io/kubernetes',
    tags: [],
    stamps: kubernetesStamps,
  },
  {
    // A go.mod of its own: the tests need modules that would change the versions of the node's.
    dir: 'conformance',
    module: 'k8s.io/kubernetes',
    tags: [],
    stamps: kubernetesStamps,
    tests: ['k8s.io/kubernetes/test/e2e'],
  },
  {
    dir: 'coredns',
    module: 'github.com/coredns/coredns',
    tags: [],
    stamps: () => ({}),
  },
  {
    dir: 'sample-apiserver',
    module: 'k8s.io/sample-apiserver',
    tags: [],
    // The modules that Kubernetes publishes beside itself have its version with a major of 0. This one refuses to be
    // older than the version that it stands in for.
    stamps: (version) => kubernetesStamps(version.replace(/^v0\./, 'v1.')),
  },
  {
    dir: 'etcd',
    module: 'go.etcd.io/etcd/server/v3',
    tags: [],
    stamps: () => ({}),
  },
  {
    dir: 'cni-plugins',
    module: 'github.com/containernetworking/plugins',
    tags: [],
    stamps: (version) => ({
      'github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion': version,
    }),
  },
  {
    dir: 'runc',
    module: 'github.com/opencontainers/runc',
    tags: ['seccomp', 'urfave_cli_no_docs', 'netgo', 'osusergo'],
    stamps: () => ({}),
    cgo: true,
  },
  {
    dir: 'oras',
    module: 'oras.land/oras',
    tags: [],
    stamps: () => ({}),
  },
  {
    dir: 'distribution',
    module: 'github.com/distribution/distribution/v3',
    tags: [],
    stamps: () => ({}),
  },
];

/** One upstream program, ready to be built. */
export interface Program {
  readonly name: string;
  readonly component: Component;
  readonly importPath: string;
  readonly version: string;
}

const upstreamDir = path.join(repository, 'os', 'upstream');

/** Returns the folder of a component's go.mod. */
export const componentDir = (component: Component): string => path.join(upstreamDir, component.dir);

// The main package of etcd is the root of its module, whose last path element is only a version.
const programName = ({ tests = [] }: Component, importPath: string): string => {
  if (importPath === 'go.etcd.io/etcd/server/v3') return 'etcd';
  const name = path.posix.basename(importPath);
  return tests.includes(importPath) ? `${name}.test` : name;
};

/** Returns the programs that a component's go.mod names. */
export function programsOf(component: Component, mod: GoMod): Program[] {
  return mod.tools.map((importPath) => {
    const module = moduleOf(mod, importPath);
    const version = module === component.module ? mod.versions.get(module) : undefined;
    if (version === undefined)
      throw new KiosError(
        'KIOS_UPSTREAM_GOMOD',
        `read os/upstream/${component.dir}/go.mod: tool ${importPath} is not in ${component.module}`,
        { exitCode: EXIT.config, remedy: 'Name only packages of this module in tool lines.' },
      );
    return { name: programName(component, importPath), component, importPath, version };
  });
}

/** Reads the go.mod of a component. */
export const readGoMod = async (component: Component): Promise<GoMod> =>
  parseGoMod(await readFile(path.join(componentDir(component), 'go.mod'), 'utf8'));

/** Reads every upstream program, by name. */
export async function readPrograms(): Promise<Map<string, Program>> {
  const lists = await Promise.all(
    COMPONENTS.map(async (component) => programsOf(component, await readGoMod(component))),
  );
  return new Map(lists.flat().map((program) => [program.name, program]));
}

/** Programs that run on the node's host, except the CNI plugins. */
export const NODE_PROGRAMS = ['containerd', 'containerd-shim-runc-v2', 'runc', 'kubelet'] as const;

/** Programs that run on the workstation: the lab's control plane and its tools. */
export const WORKSTATION_PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'ctr',
] as const;

/** Kubernetes' own tests, and the programs of the images that they run. */
export const CONFORMANCE_PROGRAMS = [
  'e2e.test',
  'agnhost',
  'nonewprivs',
  'sample-apiserver',
  'etcd',
  'kube-proxy',
  'coredns',
] as const;

/** The program that sends images to registries, and the registry that tests send them to. */
export const PUBLISHING_PROGRAMS = ['oras', 'registry'] as const;

/** Returns the names of the CNI plugins in the order of their go.mod. */
export async function cniPlugins(): Promise<string[]> {
  const programs = await readPrograms();
  return [...programs.values()]
    .filter((program) => program.component.dir === 'cni-plugins')
    .map((program) => program.name);
}
