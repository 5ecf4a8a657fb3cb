import { EXIT, KiosError } from '@kios/errors';

import { REGISTRY } from '../shipped.ts';

/** A reference to an image, with everything that people leave out (distribution/reference, normalize.go). */
export interface ImageName {
  /** Registry and path, such as `docker.io/library/busybox`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const HOST = String.raw`(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?`;
const REFERENCE = new RegExp(
  String.raw`^(?:(?<host>${HOST})/)?(?<path>${PART}(?:/${PART})*)` +
    String.raw`(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
);

/** The first part of a reference is a host only if it cannot be a folder of Docker Hub. */
const isHost = (part: string): boolean => /[.:A-Z[]/.test(part) || part === 'localhost';

function repositoryOf(host: string | undefined, path: string): string {
  const whole = host === undefined || isHost(host) ? path : `${host}/${path}`;
  const registry = host !== undefined && isHost(host) ? host : 'docker.io';
  if (registry !== 'docker.io' && registry !== 'index.docker.io') return `${registry}/${whole}`;
  return `docker.io/${whole.includes('/') ? whole : `library/${whole}`}`;
}

const refuse = (text: string, cause: string): KiosError =>
  new KiosError('KIOS_PRELOAD_IMAGE', `preload the image ${text}: ${cause}`, {
    exitCode: EXIT.data,
    remedy: 'Give a reference such as registry.example/team/app:1, or the path of an OCI archive.',
  });

/** Reads a reference as kubelet does: without a tag and a digest it means `latest`. */
export function parseImageName(text: string): ImageName {
  const { host, path = '', tag, digest } = REFERENCE.exec(text)?.groups ?? {};
  if (path === '') throw refuse(text, 'it is no reference to an image');
  const repository = repositoryOf(host, path);
  if (repository.startsWith(`${REGISTRY}/`))
    throw refuse(text, `names below ${REGISTRY}/ are those of the node’s own images`);
  return { repository, digest, tag: tag ?? (digest === undefined ? 'latest' : undefined) };
}

/**
 * Returns the names under which containerd's CRI plugin looks an image up. It drops the tag of a reference that also
 * has a digest.
 */
export function namesIn({ repository, tag, digest: asked }: ImageName, digest: string): string[] {
  const byDigest = `${repository}@${digest}`;
  return asked !== undefined || tag === undefined ? [byDigest] : [`${repository}:${tag}`, byDigest];
}

const HUB = /^docker\.io\/(?<path>(?:library\/)?(?<short>.+))$/;

/** Returns the ways to write a repository in a pod: those of Docker Hub may lack what a lookup adds. */
export function writtenForms(repository: string): string[] {
  const { path, short } = HUB.exec(repository)?.groups ?? {};
  if (path === undefined || short === undefined) return [repository];
  return [...new Set([repository, path, ...(path === short ? [] : [`docker.io/${short}`, short])])];
}
