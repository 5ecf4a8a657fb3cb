import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { parseDocument } from 'yaml';

import { buildImage } from '../../build/image/build-image.ts';
import { manifestsDir } from '../../build/manifests/read.ts';
import { distRoot, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';

/** An annotation that a user adds to a manifest and finds again on the node. */
export const EDIT = { pod: 'dhcp', annotation: 'kios.dev/edited', value: 'by-acceptance' } as const;

/**
 * Builds an image that differs from the shipped one in what a user may change: an annotation in a manifest, and
 * Debian's kernel in place of ours. Returns the path of its disk image.
 */
export async function buildEdited(progress: Progress): Promise<string> {
  const out = path.join(distRoot, 'edited');
  const manifests = path.join(out, path.relative(repository, manifestsDir));
  await rm(manifests, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await cp(manifestsDir, manifests, { recursive: true });
  const file = path.join(manifests, `${EDIT.pod}.yaml`);
  const document = parseDocument(await readFile(file, 'utf8'));
  document.setIn(['metadata', 'annotations', EDIT.annotation], EDIT.value);
  await writeFile(file, document.toString());
  return (await buildImage({ arch: 'amd64', kernel: 'debian', progress, manifests, out })).image;
}
