import { type Answer, type Cloud, type CloudMachine, json, notFound, text } from '../cloud.ts';

const FLAVOR = { 'Metadata-Flavor': 'Google', Server: 'Metadata Server for VM' };
const ROOT = '/computeMetadata/v1';
const PROJECT = '123456789012';

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Converts `project-id`, as paths have it, to `projectId`, as the tree has it. Keys of attributes stay as written. */
const camel = (part: string): string =>
  part.replaceAll(/-(.)/g, (_dashed, letter: string) => letter.toUpperCase());

/** Returns the value at a path of the tree. */
const walk = (tree: unknown, path: string): unknown =>
  path
    .split('/')
    .filter((part) => part !== '')
    .reduce<unknown>((at, part) => (isTree(at) ? (at[part] ?? at[camel(part)]) : undefined), tree);

const listing = (tree: Readonly<Record<string, unknown>>): string =>
  Object.entries(tree)
    .map(([name, value]) => (isTree(value) ? `${name}/` : name))
    .join('\n');

const listed = (_key: string, part: unknown): unknown =>
  isTree(part) && '0' in part ? Object.values(part) : part;

/** Replies with a whole subtree, in which lists are JSON arrays; paths see them as numbered folders. */
const recursive = (value: unknown, id: string): Answer => {
  const { status, body } = json(JSON.parse(JSON.stringify(value, listed)));
  const headers = { ...FLAVOR, 'content-type': 'application/json' };
  return { status, headers, body: body.replace('"id":0', `"id":${id}`) };
};

const leaf = (body: string): Answer => ({ ...text(body), headers: FLAVOR });

const treeOf = (machine: CloudMachine): unknown => ({
  instance: {
    attributes: {
      ...(machine.userData === undefined ? {} : { 'user-data': machine.userData }),
      ...machine.tags,
    },
    hostname: `${machine.hostname}.c.rack-one.internal`,
    // Replaced in the text, because it has more digits than a double holds.
    id: 0,
    machineType: `projects/${PROJECT}/machineTypes/${machine.instanceType}`,
    name: machine.hostname,
    networkInterfaces: {
      '0': {
        accessConfigs: { '0': { externalIp: machine.publicAddress, type: 'ONE_TO_ONE_NAT' } },
        ip: machine.address,
        mac: machine.mac,
        mtu: 1460,
      },
    },
    scheduling: { automaticRestart: 'TRUE', preemptible: 'FALSE' },
    zone: `projects/${PROJECT}/zones/${machine.zone}`,
  },
  project: { attributes: {}, numericProjectId: Number(PROJECT), projectId: 'rack-one' },
});

/** Google's metadata: a tree, served by path or recursively. */
export const gcp: Cloud = (machine) => {
  const tree = treeOf(machine);
  return ({ path, query, headers }) => {
    if (headers['metadata-flavor'] !== 'Google' || headers['x-forwarded-for'] !== undefined)
      return { ...text('Missing Metadata-Flavor:Google header.', 403), headers: FLAVOR };
    const value = path.startsWith(ROOT) ? walk(tree, path.slice(ROOT.length)) : undefined;
    if (query.get('recursive') === 'true' && value !== undefined)
      return recursive(value, machine.instanceId);
    if (path.endsWith('instance/id')) return leaf(machine.instanceId);
    if (typeof value === 'string' || typeof value === 'number') return leaf(String(value));
    return isTree(value) ? leaf(listing(value)) : { ...notFound, headers: FLAVOR };
  };
};
