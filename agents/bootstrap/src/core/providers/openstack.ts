import * as v from 'valibot';

import { isMap } from '../document/schema-parts.ts';
import { Keys, maybe, type Metadata, parseAnswer, type Provider } from './provider.ts';

/** Returns a single value as a text; none of a map, a list or null. */
const wordsOf = (value: unknown): string[] =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? [String(value)]
    : [];

/** What somebody gave the machine besides: Nova has texts, and programs that write such a drive anything. */
const Tags = v.pipe(
  v.unknown(),
  v.transform((given): Readonly<Record<string, string>> => {
    const tags = Object.entries(isMap(given) ? given : {});
    return Object.fromEntries(
      tags.flatMap(([name, value]) => wordsOf(value).map((word) => [name, word])),
    );
  }),
);

const MetaData = v.object({
  uuid: v.string(),
  name: maybe,
  hostname: maybe,
  availability_zone: maybe,
  meta: v.optional(Tags, {}),
});

/** Parses `meta_data.json` of the service, or of a volume labelled config-2: their format is the same. */
export function parseOpenStack(text: string): Metadata {
  const data = parseAnswer(MetaData, 'meta_data.json', text);
  return {
    instanceId: data.uuid,
    uuid: data.uuid,
    zone: data.availability_zone,
    providerID: `openstack:///${data.uuid}`,
    // OpenStack's default domain, which does not exist.
    hostname: (data.hostname ?? data.name)?.replace(/\.novalocal$/, ''),
    tags: data.meta,
  };
}

/** OpenStack Nova's metadata service. */
export const OPENSTACK: Provider = {
  name: 'openstack',
  bases: ['http://169.254.169.254', 'http://[fe80::a9fe:a9fe%25{link}]'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(exchange);
    const base = '/openstack/latest';
    const [text, userData, instanceType, publicIp] = await Promise.all([
      keys.text(`${base}/meta_data.json`),
      keys.bytes(`${base}/user_data`, { optional: true }),
      // Nova has these only under the paths of Amazon's service.
      keys.find('/latest/meta-data/instance-type'),
      keys.find('/latest/meta-data/public-ipv4'),
    ]);
    const externalIPs = publicIp === undefined ? [] : [publicIp];
    return { ...parseOpenStack(text), instanceType, externalIPs, userData };
  },
};
