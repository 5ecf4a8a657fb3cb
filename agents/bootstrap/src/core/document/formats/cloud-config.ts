import { nodeNameFault } from '../../node/node-name.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { parseYaml } from '../yaml.ts';

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys that say how cloud-init uses the name; a node needs none of them. */
const OF_THE_NAME = new Set(['hostname', 'fqdn', 'prefer_fqdn_over_hostname', 'preserve_hostname', 'manage_etc_hosts']); // prettier-ignore

function parsed(source: string, text: string): unknown {
  try {
    return parseYaml(source, text);
  } catch {
    return undefined; // It is cloud-init's text, so its faults are not the node's.
  }
}

/**
 * Takes the host name from a text for cloud-init, which is all that programs such as Raspberry Pi Imager can say to a
 * node. Undefined when the text has none; everything else in it has no effect.
 */
export function nameFromCloudConfig(source: string, text: string): ParsedDocument | undefined {
  if (!text.trimStart().startsWith('#cloud-config')) return undefined;
  const config = parsed(source, text);
  if (!isMap(config)) return undefined;
  const name = config['hostname'] ?? config['fqdn'];
  if (typeof name !== 'string' || nodeNameFault(name) !== undefined) return undefined;
  const unused = Object.keys(config).filter((key) => !OF_THE_NAME.has(key));
  const warnings: Warning[] =
    unused.length === 0 ? [] : [{ path: unused.join(', '), why: 'it is for cloud-init' }];
  return {
    document: { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', node: { name } },
    kind: 'cloud-config',
    warnings,
  };
}
