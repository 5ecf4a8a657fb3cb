import { existsSync } from 'node:fs';
import path from 'node:path';

const foldersOf = (variable: string): readonly string[] =>
  (process.env[variable] ?? '').split(':').filter(Boolean);

/** Finds a program of the control plane or of a node's host in the folders that the environment names. */
export const find = (program: string): string | undefined =>
  [...foldersOf('KIOS_CONTROL_PLANE_BIN'), ...foldersOf('KIOS_NODE_BIN')]
    .map((folder) => path.join(folder, program))
    .find((file) => existsSync(file));

/** Returns why tests that need these programs cannot run here; undefined when they can. */
export function missing(programs: readonly string[]): string | undefined {
  const absent = programs.filter((name) => find(name) === undefined);
  if (absent.length === 0) return undefined;
  const why = `neither KIOS_CONTROL_PLANE_BIN nor KIOS_NODE_BIN has ${absent.join(', ')}`;
  if (process.env['KIOS_REQUIRE_CLUSTER'] === '1') throw new Error(why);
  return why;
}

export const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager'];
export const NODE = ['containerd', 'kubelet'];
