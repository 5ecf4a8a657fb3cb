import { parseMetaData } from '../document/document.ts';
import { Keys, type Metadata, type Provider } from './provider.ts';
import { checkHash, parseWebAddress } from './web-address.ts';

/** The values of `ds=nocloud;s=…;h=…;i=…`, from the kernel's command line or the firmware's serial number. */
export interface NoCloudSeed {
  /** The address of meta-data and user-data; undefined when a volume labelled cidata has them. */
  readonly url: string | undefined;
  readonly hostname: string | undefined;
  readonly instanceId: string | undefined;
}

const LONG_NAMES: Readonly<Record<string, string>> = {
  s: 'seedfrom',
  h: 'local-hostname',
  i: 'instance-id',
};

/** Parses the last `ds=nocloud[-net]` of a text; undefined when there is none. */
export function parseNoCloudSeed(text: string): NoCloudSeed | undefined {
  const words = [...text.matchAll(/(?:^|\s)ds=nocloud(?:-net)?((?:;[^\s]*)?)(?=\s|$)/g)];
  const found = words.at(-1);
  if (found === undefined) return undefined;
  const pairs = (found[1] ?? '').split(';').map((pair): [string, string] => {
    const [name = '', ...value] = pair.split('=');
    return [LONG_NAMES[name] ?? name, value.join('=')];
  });
  const values = new Map(pairs);
  const url = values.get('seedfrom') ?? '';
  return {
    url: /^https?:\/\//.test(url) ? url : undefined,
    hostname: values.get('local-hostname'),
    instanceId: values.get('instance-id'),
  };
}

/** The metadata services of clouds have such addresses too: no router passes them on. */
const isLinkLocal = (host: string): boolean => /^(?:169\.254\.\d+\.\d+$|\[fe80:)/.test(host);

/** Returns the provider for NoCloud over HTTP: files below the seed's address. */
export function noCloudProvider(seed: NoCloudSeed): Provider {
  const address = parseWebAddress('ds=nocloud', seed.url ?? '', isLinkLocal);
  const { origin, path, headers } = address;
  const folder = path.endsWith('/') ? path : `${path}/`;
  return {
    name: 'nocloud',
    bases: [origin],
    async read(exchange): Promise<Metadata> {
      const keys = new Keys(exchange, headers);
      const [metaData, userData] = await Promise.all([
        keys.bytes(`${folder}meta-data`),
        keys.bytes(`${folder}user-data`, { optional: true }),
      ]);
      await checkHash(address, metaData, userData);
      const text = new TextDecoder().decode(metaData);
      const { instanceId, hostname } = parseMetaData(`${origin}${folder}meta-data`, text);
      return {
        instanceId: seed.instanceId ?? instanceId,
        hostname: seed.hostname ?? hostname,
        userData,
      };
    },
  };
}
