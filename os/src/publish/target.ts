import { EXIT, KiosError } from '@kios/errors';

/** The place in a registry below which each image has a repository of its own. */
export interface Target {
  /** Host name or address, perhaps with a port. */
  readonly registry: string;
  /** Path below the registry; empty for none. */
  readonly prefix: string;
}

/** A first part without dot and port would be taken for a user of a default registry by other programs. */
const REGISTRY =
  /^(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|[a-z0-9.-]+(?=:)|\[[0-9a-f:]+\])(?::\d+)?$/;
/** OCI distribution-spec v1.1, "Pulling manifests". */
const PREFIX =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

const usage = (what: string, remedy: string): KiosError =>
  new KiosError('KIOS_PUBLISH_TARGET', what, { exitCode: EXIT.usage, remedy });

/** Parses `REGISTRY[/PREFIX]`. Something that may hold a password is not repeated in the failure. */
export function parseTarget(word: string): Target {
  if (word.includes('@'))
    throw usage(
      'publish to an address with a user name or password in it',
      'Leave it out and run docker login, which keeps it where other users of this machine cannot see it.',
    );
  const [registry = '', ...rest] = word.replace(/\/$/, '').split('/');
  const prefix = rest.join('/');
  if (REGISTRY.test(registry) && (prefix === '' || PREFIX.test(prefix)))
    return { registry, prefix };
  throw usage(
    `publish to ${JSON.stringify(word)}: it is not REGISTRY[/PREFIX]`,
    'Name a host without https://, then a path of lower-case letters, as in registry.example/kios.',
  );
}

const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d+){1,3}|\[(?:0*:)*0*1\])(?::\d+)?$/;

/** Says whether the registry's name means each machine itself. */
export const isLoopback = ({ registry }: Target): boolean => LOOPBACK.test(registry);

/** Checks a tag that a person chose. */
export function parseTag(tag: string): string {
  // Tags of this form say which manifests belong to another one.
  if (TAG.test(tag) && !tag.startsWith('sha256-')) return tag;
  throw usage(
    `publish as ${JSON.stringify(tag)}: it is not a tag`,
    'Use up to 128 letters, digits, dots, dashes and underscores, the first a letter or digit.',
  );
}

/** Returns the name of an image's repository, with its registry. */
export const repositoryOf = ({ registry, prefix }: Target, name: string): string =>
  [registry, prefix, name].filter((part) => part !== '').join('/');
