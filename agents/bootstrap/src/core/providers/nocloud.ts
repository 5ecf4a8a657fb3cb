import { parseMetaData } from '../document/meta-data.ts';
import { BootstrapError } from '../faults/errors.ts';
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

/** The values of the firmware that an address may have in it, as cloud-init names them, by their files in sysfs. */
const DMI_FILES = new Map([
  ['baseboard-asset-tag', 'board_asset_tag'],
  ['baseboard-manufacturer', 'board_vendor'],
  ['baseboard-product-name', 'board_name'],
  ['baseboard-serial-number', 'board_serial'],
  ['baseboard-version', 'board_version'],
  ['bios-release-date', 'bios_date'],
  ['bios-vendor', 'bios_vendor'],
  ['bios-version', 'bios_version'],
  ['chassis-asset-tag', 'chassis_asset_tag'],
  ['chassis-manufacturer', 'chassis_vendor'],
  ['chassis-serial-number', 'chassis_serial'],
  ['chassis-version', 'chassis_version'],
  ['system-manufacturer', 'sys_vendor'],
  ['system-product-name', 'product_name'],
  ['system-serial-number', 'product_serial'],
  ['system-uuid', 'product_uuid'],
  ['system-version', 'product_version'],
]);

const DMI_VALUE = /__dmi\.([a-z-]+)__/g;

/** Returns the files in /sys/class/dmi/id whose values an address has in it. */
export const dmiFilesOf = ({ url = '' }: NoCloudSeed): readonly string[] =>
  [...url.matchAll(DMI_VALUE)]
    .map(([, name]) => DMI_FILES.get(name ?? ''))
    .filter((file) => file !== undefined);

/** Fills in `__dmi.NAME__`, by which one address distinguishes machines. What the machine lacks stays as it is. */
export function fillSeed(seed: NoCloudSeed, values: ReadonlyMap<string, string>): NoCloudSeed {
  const url = seed.url?.replaceAll(DMI_VALUE, (all, name: string) => {
    const value = values.get(DMI_FILES.get(name) ?? '') ?? '';
    return value === '' ? all : encodeURIComponent(value);
  });
  return { ...seed, url };
}

function refuseUnfilled({ url = '' }: NoCloudSeed): void {
  const [found] = /__dmi\.[a-z-]*__/.exec(url) ?? [];
  if (found === undefined) return;
  throw new BootstrapError(
    'KIOS_BOOTSTRAP_URL',
    `use the address of ds=nocloud: this machine has no value for ${found}`,
    { remedy: 'Use a value that its firmware has, as /sys/class/dmi/id of another system shows.' },
  );
}

/** The metadata services of clouds have such addresses too: no router passes them on. */
const isLinkLocal = (host: string): boolean => /^(?:169\.254\.\d+\.\d+$|\[fe80:)/.test(host);

/** Returns the provider for NoCloud over HTTP: files below the seed's address. */
export function noCloudProvider(seed: NoCloudSeed): Provider {
  refuseUnfilled(seed);
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
      const meta = parseMetaData(`${origin}${folder}meta-data`, metaData ?? '');
      return {
        instanceId: seed.instanceId ?? meta.instanceId,
        hostname: seed.hostname ?? meta.hostname,
        userData,
        metaFault: meta.fault,
      };
    },
  };
}
