import path from 'node:path';

import { build } from 'esbuild';

import { repository } from '../../workstation/paths.ts';

export interface Imports {
  /** Files of the repository, by relative paths, the first one among them. */
  readonly files: readonly string[];
  /** Names of packages. */
  readonly packages: readonly string[];
}

/** Returns all that a TypeScript file imports, directly or by what it imports. */
export async function importsOf(file: string): Promise<Imports> {
  const { metafile } = await build({
    entryPoints: [path.join(repository, file)],
    absWorkingDir: repository,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const external = imports.filter((one) => one.external === true).map((one) => one.path);
  return { files: Object.keys(metafile.inputs), packages: [...new Set(external)] };
}
