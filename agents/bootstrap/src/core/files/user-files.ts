import type { FileSpec, NodeBootstrap } from '../document/schema.ts';
import { fieldError } from '../faults/errors.ts';
import { NETWORK_FILE } from './network-file.ts';
import type { OutputFile } from './output-file.ts';
import { registryFiles } from './registry-files.ts';
import { SYSCTL_FILE } from './sysctls.ts';

/** Folders a document may write to: those read by the programs it configures, none from which programs are run. */
const ALLOWED = [
  '/etc/kubernetes/manifests/',
  '/etc/cni/',
  '/etc/kios/',
  '/etc/containerd/certs.d/',
];
/** Files that a document cannot write, with the reason: it must not replace itself, and a setting has one place. */
const REFUSED = new Map([
  ['/etc/kios/bootstrap.yaml', 'is read by this agent itself'],
  [`/etc/${SYSCTL_FILE}`, 'is written because of sysctls; give the settings there'],
]);

function pathFault(path: string): string | undefined {
  const parts = path.split('/').slice(1);
  if (!ALLOWED.some((dir) => path.startsWith(dir)))
    return `must be below ${ALLOWED.join(' or ').replaceAll(/\/(?= |$)/g, '')}`;
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'must be a plain path to a file';
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001F\u007F]/.test(path)) return 'must not hold control characters';
  return REFUSED.get(path);
}

/** Checks and returns the document's own files. */
function readUserFiles(files: readonly FileSpec[]): readonly OutputFile[] {
  const faults = files.flatMap(({ path }, index) => {
    const why = pathFault(path);
    return why === undefined ? [] : [`files.${index}.path: ${why}`];
  });
  if (faults.length > 0) throw fieldError(`read the bootstrap document: ${faults.join('; ')}`);
  return files.map(({ path, mode, content, contentBase64 }) => ({
    path: path.slice('/etc/'.length),
    mode: Number.parseInt(mode, 8),
    content: content ?? contentBase64?.replaceAll(/\s+/g, ''),
    ...(content === undefined ? { encoding: 'base64' as const } : {}),
    isUserFile: true,
  }));
}

/** Checks and returns the files that the document names itself and those that its registries need. */
export function documentFiles(document: NodeBootstrap): readonly OutputFile[] {
  const registries = registryFiles(document);
  const own = readUserFiles(document.files ?? []);
  const taken = new Map(registries.map(({ path }) => [path, 'registries']));
  if (document.network !== undefined) taken.set(NETWORK_FILE, 'network');
  const twice = own.findIndex(({ path }) => taken.has(path));
  if (twice === -1) return [...registries, ...own];
  const why = taken.get(own[twice]?.path ?? '');
  throw fieldError(
    `read the bootstrap document: files.${twice}.path: is written because of ${why}`,
  );
}
