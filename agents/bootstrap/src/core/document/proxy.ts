import * as v from 'valibot';

import { text } from './schema-parts.ts';

const isProxy = (address: string): boolean => {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return (
    /^https?:\/\/[\x21-\x7E]+$/.test(address) &&
    url !== undefined &&
    `${url.pathname}${url.search}${url.hash}` === '/'
  );
};

// The message does not quote the address, which may have a password in it.
const Address = v.pipe(
  text,
  v.check(isProxy, 'must be http://host:port or https://host:port, with or without user:password@'),
);

const Direct = v.pipe(
  text,
  v.regex(/^[A-Za-z0-9.:*/_[\]-]+$/, 'must be a name, an address or a network, such as 10.0.0.0/8'),
);

/** The way to registries, for containerd and for kubelet with the programs that it starts. */
export const Proxy = v.pipe(
  v.strictObject({
    http: v.optional(Address),
    https: v.optional(Address),
    /** Reached directly, besides what always is. */
    noProxy: v.optional(v.array(Direct, 'must be a list of texts')),
  }),
  v.check(({ http, https }) => (http ?? https) !== undefined, 'must have http or https'),
);
export type ProxySpec = v.InferOutput<typeof Proxy>;

/** Returns the address of a proxy with `…` in the place of its user and password. */
export const withoutUser = (address: string): string =>
  address.replace(/^(https?:\/\/).*@/, '$1…@');

export const withoutUsers = ({ http, https, ...rest }: ProxySpec): ProxySpec => ({
  ...rest,
  ...(http === undefined ? {} : { http: withoutUser(http) }),
  ...(https === undefined ? {} : { https: withoutUser(https) }),
});
