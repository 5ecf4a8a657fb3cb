import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { cached } from '../../workstation/cache.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import type { Arch } from '../../workstation/paths.ts';
import { CommandError, run } from '../../workstation/run.ts';
import { blobPath, MEDIA } from '../formats/oci.ts';
import { causeIn } from '../sources/oras-output.ts';
import type { LayoutDescriptor } from './layout.ts';
import type { ImageName } from './name.ts';

/** Long enough for an image of a few gigabytes over a slow line. */
const PULL_MS = 60 * 60_000;

const Top = v.object({ mediaType: v.optional(v.string()), manifests: v.optional(v.unknown()) });

/** Runs oras, which reads credentials where Docker keeps them, or from podman's REGISTRY_AUTH_FILE. */
async function oras(
  program: string,
  what: string,
  args: readonly string[],
  side: '' | 'from-',
): Promise<void> {
  const config = process.env['REGISTRY_AUTH_FILE'] ?? '';
  const login = config === '' ? [] : [`--${side}registry-config=${config}`];
  try {
    await run(program, [...args, ...login], { timeoutMs: PULL_MS });
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new KiosError('KIOS_PRELOAD_FETCH', `fetch ${what}: ${causeIn(fromOras(cause))}`, {
      exitCode: EXIT.unavailable,
      remedy: 'Check the name, and log in with docker login if the registry asks for it.',
    });
  }
}

const fromOras = ({ message }: CommandError): string => {
  const start = message.indexOf('Error');
  return start === -1 ? message : message.slice(start);
};

/**
 * Fetches an image for one architecture. Returns the folder of its blobs, in the cache, and the descriptor of what the
 * registry has under the name, which may be an index over architectures.
 */
export async function fetchImage(
  program: string,
  { repository, tag, digest: asked }: ImageName,
  arch: Arch,
): Promise<{ folder: string; top: LayoutDescriptor }> {
  const name = asked === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${asked}`;
  const scratch = await mkdtemp(path.join(tmpdir(), 'kios-preload-'));
  try {
    const file = path.join(scratch, 'top.json');
    await oras(program, name, ['manifest', 'fetch', name, '--output', file], '');
    const digest = `sha256:${await fileSha256(file)}`;
    const { mediaType, manifests } = v.parse(
      v.pipe(v.string(), v.parseJson(), Top),
      await readFile(file, 'utf8'),
    );
    const fallback = manifests === undefined ? MEDIA.manifest : MEDIA.index;
    const top = { mediaType: mediaType ?? fallback, digest, size: (await stat(file)).size };
    const folder = await cached('preload', `${digest.replace(':', '-')}-${arch}`, async (dir) => {
      const platform = manifests === undefined ? [] : ['--platform', `linux/${arch}`];
      const from = `${repository}@${digest}`;
      await oras(program, name, ['copy', from, '--to-oci-layout', dir, ...platform], 'from-');
      await mkdir(path.join(dir, 'blobs/sha256'), { recursive: true });
      await copyFile(file, path.join(dir, blobPath(digest)));
    });
    return { folder, top };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
