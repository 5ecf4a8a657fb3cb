import { reduceEvents, reducePods, reduceRequests, reduceStats } from './reduce.ts';

/** A file of the bundle and where its content comes from. */
export interface Part {
  /** Path in the bundle. */
  readonly file: string;
  readonly path: string;
  /** JSON is read and loses its secrets by name; a text loses those that look like one. */
  readonly form: 'json' | 'text';
  readonly maxBytes: number;
  readonly tail?: boolean;
  /** Whether the API server asks kubelet for it. */
  readonly isKubelets?: boolean;
  /** Keeps what says something about the node. */
  readonly reduce?: (value: unknown) => unknown;
}

const MIB = 1024 * 1024;
const OBJECTS = 16 * MIB;
/** Bytes of the end of a log. */
const LOG = MIB;
const LINES = 5000;

const json = (file: string, path: string, more: Partial<Part> = {}): Part => ({
  file,
  path,
  form: 'json',
  maxBytes: OBJECTS,
  ...more,
});
const text = (file: string, path: string, more: Partial<Part> = {}): Part => ({
  file,
  path,
  form: 'text',
  maxBytes: 4 * MIB,
  ...more,
});

const query = (fields: Readonly<Record<string, string>>): string =>
  new URLSearchParams(fields).toString();

export const VERSION = json('api/version.json', '/version');

/** What the API server has about a node. */
export const apiParts = (node: string): readonly Part[] => [
  json('api/node.json', `/api/v1/nodes/${node}`),
  json('api/lease.json', `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`),
  json(
    'api/events-node.json',
    `/api/v1/events?${query({ fieldSelector: `involvedObject.kind=Node,involvedObject.name=${node}`, limit: '500' })}`,
    { reduce: reduceEvents },
  ),
  json(
    'api/events-pods.json',
    `/api/v1/namespaces/kube-system/events?${query({ fieldSelector: 'involvedObject.kind=Pod', limit: '500' })}`,
    { reduce: reduceEvents },
  ),
  json('api/pods.json', `/api/v1/pods?${query({ fieldSelector: `spec.nodeName=${node}`, limit: '500' })}`, { reduce: reducePods }), // prettier-ignore
  json('api/requests.json', '/apis/certificates.k8s.io/v1/certificatesigningrequests?limit=500', {
    reduce: reduceRequests(node),
  }),
];

const proxied = (node: string, path: string): string => `/api/v1/nodes/${node}/proxy${path}`;

/** Whether kubelet is reached at all. */
export const healthPart = (node: string): Part =>
  text('kubelet/healthz.txt', proxied(node, '/healthz'), { isKubelets: true });

/** What kubelet tells of itself. */
export const kubeletParts = (node: string): readonly Part[] => [
  json('kubelet/configz.json', proxied(node, '/configz'), { isKubelets: true }),
  json('kubelet/pods.json', proxied(node, '/pods'), { isKubelets: true, reduce: reducePods }),
  json('kubelet/stats.json', proxied(node, '/stats/summary'), { isKubelets: true, reduce: reduceStats }), // prettier-ignore
  text('kubelet/metrics.txt', proxied(node, '/metrics'), { isKubelets: true }),
  text('kubelet/resource-metrics.txt', proxied(node, '/metrics/resource'), { isKubelets: true }),
];

/** A folder of the host's logs, below /var/log/kios. */
export const listingPart = (node: string, folder: string): Part =>
  text(`host/${folder}listing.html`, proxied(node, `/logs/kios/${folder}`), { isKubelets: true });

export const STATE = 'host/state.json';

export function hostPart(node: string, name: string): Part {
  const path = proxied(node, `/logs/kios/${name}`);
  return name.endsWith('.json')
    ? json(`host/${name}`, path, { isKubelets: true })
    : text(`host/${name}`, path, { isKubelets: true, tail: true, maxBytes: LOG });
}

/** A container whose log is wanted. */
export interface Container {
  readonly pod: string;
  readonly name: string;
  /** Whether it has run before. */
  readonly hasRestarted: boolean;
}

/** The log of a container of kube-system, and that of its run before. */
export function logParts({ pod, name, hasRestarted }: Container): readonly Part[] {
  const path = (previous: boolean): string =>
    `/api/v1/namespaces/kube-system/pods/${pod}/log?${query({
      container: name,
      tailLines: String(LINES),
      timestamps: 'true',
      ...(previous ? { previous: 'true' } : {}),
    })}`;
  const more = { isKubelets: true, tail: true, maxBytes: LOG } as const;
  const now = text(`pods/${pod}/${name}.log`, path(false), more);
  return hasRestarted ? [now, text(`pods/${pod}/${name}.previous.log`, path(true), more)] : [now];
}

/** Names of the host's logs, of a boot that is kept, and of the files that describe them. */
const HOST_FILE = /^(?:[a-z]+\.log(?:\.1)?|state\.json|boot\.json)$/;
const BOOT_FOLDER = /^\d{1,9}\/$/;

export interface Listing {
  readonly files: readonly string[];
  /** Whether earlier boots are kept. */
  readonly hasBoots: boolean;
  /** Folders of boots, the latest last. */
  readonly boots: readonly string[];
}

/** Reads the page with which kubelet lists a folder, and takes only names that a node has there. */
export function parseListing(html: string): Listing {
  const names = [...html.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => {
    const parts = href.split('/').filter((part) => part !== '');
    return `${parts.at(-1) ?? ''}${href.endsWith('/') ? '/' : ''}`;
  });
  return {
    files: names.filter((name) => HOST_FILE.test(name)),
    hasBoots: names.includes('boots/'),
    boots: names.filter((name) => BOOT_FOLDER.test(name)).toSorted(),
  };
}
