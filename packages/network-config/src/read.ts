import { checkNetwork } from './check/check-network.ts';
import type { Conversion } from './convert/conversion.ts';
import { convertOpenStack, withoutNulls } from './convert/openstack.ts';
import { convertV1 } from './convert/v1.ts';
import { readTree } from './document/read-tree.ts';
import { isMap, type Tree, type TreeMap } from './document/tree.ts';
import { type Fault, type Finding, formatPath, type Path, type Report } from './fault.ts';
import { linksOf } from './model/links.ts';
import type { NetworkConfig } from './model/model.ts';
import { withoutRepeated } from './model/routes.ts';
import { readPods } from './pods.ts';
import { check } from './schema/check.ts';
import { network as netplan, type Section, SECTION_NAMES, SECTIONS } from './schema/netplan.ts';
import { networkData } from './schema/openstack.ts';
import { isV1Item, networkV1 } from './schema/v1.ts';

export type Format = 'netplan' | 'cloud-init v1' | 'OpenStack';

export type Reading =
  | { readonly ok: true; readonly format: Format; readonly config: NetworkConfig }
  | { readonly ok: false; readonly faults: readonly [Fault, ...Fault[]] };

/** Depth of the lists of links in the converted formats, behind `config` and `links`. */
const ENTRY = 2;

/** An empty section or link, `eth0:`, is one without settings. */
function fillEmpty(network: TreeMap): void {
  for (const section of SECTION_NAMES) {
    if (network[section] === null) network[section] = {};
    const links = network[section];
    if (!isMap(links)) continue;
    for (const [id, link] of Object.entries(links)) if (link === null) links[id] = {};
  }
}

const KEYS = new Set(Object.values(SECTIONS).flatMap((schema) => Object.keys(schema.entries)));

/** Takes `renderer` out of a section, where netplan allows it for all links in it. */
function takeRenderer(links: TreeMap, path: Path, report: Report): void {
  const { renderer } = links;
  if (renderer === undefined || isMap(renderer)) return;
  delete links['renderer'];
  if (renderer !== 'networkd')
    report(
      [...path, 'renderer'],
      'is refused: the node has its own agent',
      'Write networkd, or remove it.',
    );
}

/** Reports keys of links that are one level too far to the left, where names of links are expected. */
function removeMisplaced(network: TreeMap, report: Report): void {
  for (const section of SECTION_NAMES) {
    const links = network[section];
    if (!isMap(links)) continue;
    const path = ['network', section];
    takeRenderer(links, path, report);
    for (const id of Object.keys(links).filter((key) => KEYS.has(key))) {
      const what = 'stands where the name of a link is expected';
      report([...path, id], what, 'Indent it below the link.');
      delete links[id];
    }
  }
}

function idsOf(network: TreeMap, report: Report): Map<string, Section> {
  const ids = new Map<string, Section>();
  for (const section of SECTION_NAMES) {
    const links = network[section];
    for (const id of isMap(links) ? Object.keys(links) : []) {
      const other = ids.get(id);
      if (other !== undefined)
        report(['network', section, id], `has the id of a link in ${other}`, 'Choose another id.');
      ids.set(id, section);
    }
  }
  return ids;
}

/** Reads a netplan tree: `network` is the map below the key of that name. */
function readNetplan(network: Tree, report: Report): NetworkConfig {
  if (isMap(network)) {
    removeMisplaced(network, report);
    fillEmpty(network);
    network['version'] ??= '2';
  }
  const { output, damaged, original } = check(netplan, network, ['network'], report);
  if (output === undefined || !isMap(network)) return { links: [] };
  const links = linksOf(output);
  checkNetwork({
    links,
    ids: idsOf(network, report),
    damaged: new Set(damaged.flatMap(([, id, key]) => [String(id), `${id}.${key}`])),
    raw: output,
    report: ([top = 'network', ...path], what, remedy) =>
      report([top, ...original(path)], what, remedy),
  });
  return { links: links.map((link) => ({ ...link, routes: withoutRepeated(link.routes) })) };
}

const through =
  (conversion: Conversion, report: Report): Report =>
  (path, what, remedy) =>
    report(conversion.origin(path), what, remedy);

/** Reads what a conversion made, naming the places of the file that it was made from. */
function readConverted(conversion: Conversion, report: Report): NetworkConfig {
  const { tree } = conversion;
  return readNetplan(isMap(tree) ? (tree['network'] ?? {}) : {}, through(conversion, report));
}

function readV1(network: TreeMap, base: Path, report: Report): NetworkConfig {
  const { config } = network;
  if (config === 'disabled') {
    report(
      [...base, 'config'],
      'is disabled',
      'Remove the file: without one, every card uses DHCP.',
    );
    return { links: [] };
  }
  // One entry after the other, so that a faulty one does not hide the faults of others.
  const entries = Array.isArray(config) ? config : [];
  const start = [...base, 'config'];
  const checked = entries.map((entry, index) => {
    const one = { version: '1', config: [entry] };
    const move: Report = (path, what, remedy) =>
      report([...start, index, ...path.slice(2)], what, remedy);
    return check(networkV1, one, [], move, ENTRY);
  });
  const { config: _, ...rest } = network;
  const others = { ...rest, config: Array.isArray(config) ? [] : (config ?? null) };
  check(networkV1, others, base, report);
  const moved: Report = (path, what, remedy) => {
    const [index = 0, ...inner] = path.slice(start.length);
    const original = checked[Number(index)]?.original(['config', 0, ...inner]) ?? [];
    report([...start, index, ...original.slice(2)], what, remedy);
  };
  const items = checked.map(({ output }) => {
    const item = output?.config[0];
    return isV1Item(item) ? item : undefined;
  });
  return readConverted(convertV1(items, base, moved), moved);
}

function readOpenStack(tree: TreeMap, report: Report): NetworkConfig {
  const { output, original } = check(networkData, withoutNulls(tree), [], report, ENTRY);
  const moved: Report = (path, what, remedy) => report(original(path), what, remedy);
  return output === undefined
    ? { links: [] }
    : readConverted(convertOpenStack(output, moved), moved);
}

const isV1 = (network: Tree | undefined): network is TreeMap =>
  isMap(network) && (network['version'] === '1' || network['config'] !== undefined);

/** Recognises a format by what only it has. */
function readFormat(tree: TreeMap, report: Report): { format: Format; config: NetworkConfig } {
  const { network, pods, ...others } = tree;
  if (network === undefined) return readTop(tree, report);
  for (const key of Object.keys(others))
    report([key], 'is not a known key', 'Did you mean it to stand below network?');
  if (isV1(network))
    return {
      format: 'cloud-init v1',
      config: readPods(pods, readV1(network, ['network'], report), report),
    };
  return { format: 'netplan', config: readPods(pods, readNetplan(network, report), report) };
}

/** Reads a file whose map is what others have below `network`, as in NoCloud's `network-config`. */
function readTop(tree: TreeMap, report: Report): { format: Format; config: NetworkConfig } {
  if (Array.isArray(tree['links']) || tree['networks'] !== undefined)
    return { format: 'OpenStack', config: readOpenStack(tree, report) };
  if (isV1(tree)) return { format: 'cloud-init v1', config: readV1(tree, [], report) };
  const strip: Report = (path, what, remedy) => report(path.slice(1), what, remedy);
  return { format: 'netplan', config: readNetplan(tree, strip) };
}

/** Orders faults as the lines of the file, each once. */
function inOrder(faults: readonly Fault[]): Fault[] {
  const unique = new Map(faults.map((fault) => [`${fault.path}\n${fault.what}`, fault]));
  return [...unique.values()].toSorted((one, other) => one.line - other.line);
}

/** What a whole file lacks, and the remedy. A node would be out of reach with a network of nothing. */
function lackOf(config: NetworkConfig | undefined): readonly [string, string] | undefined {
  if (config === undefined) return ['is not a map', 'Begin with network: and version: 2.'];
  if (config.links.length > 0) return undefined;
  return ['has no link', 'Add one, or remove the file: without one, every card uses DHCP.'];
}

/**
 * Reads a network file in any of its formats. The result is a configuration or all faults of the file, and never an
 * exception: the text may be anything.
 */
export function readNetworkConfig(text: string): Reading {
  const { tree, faults, lineOf } = readTree(text);
  const found: Finding[] = [];
  const report: Report = (path, what, remedy) => found.push({ path, what, remedy });
  const read = isMap(tree) ? readFormat(tree, report) : undefined;
  const lack = found.length + faults.length === 0 ? lackOf(read?.config) : undefined;
  if (lack !== undefined) report([], ...lack);
  const placed = found.map(({ path, ...rest }) => ({
    line: lineOf(path),
    path: formatPath(path),
    ...rest,
  }));
  const [first, ...others] = inOrder([...faults, ...placed]);
  if (first !== undefined) return { ok: false, faults: [first, ...others] };
  return { ok: true, format: read?.format ?? 'netplan', config: read?.config ?? { links: [] } };
}
