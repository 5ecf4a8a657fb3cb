import type { Executable } from '../../../guest/src/host-facts.ts';

const STORE = '/lib/kios/store/io.containerd.snapshotter.v1.overlayfs/snapshots/';
/** Folder in a layer of an image. */
const inLayer = (rest: string): RegExp => new RegExp(`^${STORE}\\d+/fs/${rest}$`);
const PLUGINS = '(?:bridge|host-local)';

interface KnownExecutable {
  readonly path: RegExp;
  readonly kind: Executable['kind'];
  readonly why: string;
}

/** The files with an execute bit that a node may have. A shell is not among them, nor a program that starts others. */
const KNOWN: readonly KnownExecutable[] = [
  {
    path: /^\/bin\/(?:containerd|containerd-shim-runc-v2|init|kubelet|runc)$/,
    kind: 'program',
    why: 'the host’s programs; the other names in /bin are links to init',
  },
  { path: inLayer('pause'), kind: 'program', why: 'keeps the namespaces of a pod' },
  { path: inLayer('bin/bun'), kind: 'program', why: 'the runtime of the agents' },
  { path: inLayer('lib/koffi\\.node'), kind: 'program', why: 'system calls of the agents' },
  { path: inLayer('usr/sbin/chronyd'), kind: 'program', why: 'keeps the clock' },
  { path: inLayer(`cni/bin/${PLUGINS}`), kind: 'program', why: 'plugins that cni installs' },
  {
    path: inLayer('(?:lib64/ld-linux-x86-64|usr/lib/x86_64-linux-gnu/lib[\\w+-]+)\\.so\\.\\d+'),
    kind: 'program',
    why: 'the dynamic loader and libraries, to which their packages give an execute bit',
  },
  { path: new RegExp(`^/opt/cni/bin/${PLUGINS}$`), kind: 'program', why: 'the installed plugins' },
  {
    path: /^\/run\/kios\/seed\/(?:cidata|boot)\/[\w.-]+$/,
    kind: 'other',
    why: 'documents on FAT, which has no execute bit and shows one on every file; the mount is noexec',
  },
];

/** Returns why a file may be executable; undefined when it may not. */
export const reasonFor = ({ path, kind }: Executable): string | undefined =>
  KNOWN.find((known) => known.path.test(path) && known.kind === kind)?.why;
