import * as v from 'valibot';

import { map, text } from './schema-parts.ts';

/** Stands for every registry that has no entry of its own. */
export const ANY_REGISTRY = '*';

/** The part of an image's name before the first slash. */
const HOST = /^(?:\*|(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?)$/;

const isEndpoint = (address: string): boolean => {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return (
    url?.protocol === 'https:' && `${url.username}${url.password}${url.search}${url.hash}` === ''
  );
};

const Endpoint = v.pipe(
  text,
  v.check(isEndpoint, 'must begin with https:// and have no user name, password or query'),
);

/** Where the images of a registry come from, and how the node logs in there. */
const Registry = v.pipe(
  v.strictObject({
    /** Asked in this order before the registry itself. */
    endpoints: v.optional(v.array(Endpoint, 'must be a list of texts')),
    /** Certificates that vouch for the registry and its endpoints. */
    caBundle: v.optional(text),
    username: v.optional(text),
    password: v.optional(text),
  }),
  v.check(
    ({ username, password }) => (username === undefined) === (password === undefined),
    'must have both username and password, or neither',
  ),
);
export type RegistrySpec = v.InferOutput<typeof Registry>;

export const Registries = v.pipe(
  map,
  v.record(
    v.pipe(v.string(), v.regex(HOST, 'must be a host name, with or without a port')),
    Registry,
  ),
  v.check(
    (registries) => registries[ANY_REGISTRY]?.username === undefined,
    'must not send one password to every registry',
  ),
);
