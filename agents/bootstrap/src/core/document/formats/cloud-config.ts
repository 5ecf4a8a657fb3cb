import { nodeNameFault } from '../../node/node-name.ts';
import { isCloudConfig, isTemplate } from '../foreign.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { isMap } from '../schema-parts.ts';
import { BINARY, parseYaml } from '../yaml.ts';
import { asYaml } from './template.ts';

type Config = Readonly<Record<string, unknown>>;

/** Keys that say how cloud-init uses the name; a node needs none of them. */
const OF_THE_NAME = new Set(['hostname', 'fqdn', 'prefer_fqdn_over_hostname', 'preserve_hostname', 'manage_etc_hosts']); // prettier-ignore

/** Reads a text for cloud-init. Throws when it is no YAML; undefined when it is another text, or no map. */
export function readCloudConfig(source: string, text: string): Config | undefined {
  if (!isCloudConfig(text)) return undefined;
  const config = parseYaml(source, isTemplate(text) ? asYaml(text) : text, [BINARY]);
  return isMap(config) ? config : undefined;
}

/** Returns the name that a text for cloud-init gives its machine, if a node can have it. */
export function nameOf(config: Config): string | undefined {
  const name = config['hostname'] ?? config['fqdn'];
  return typeof name === 'string' && nodeNameFault(name) === undefined ? name : undefined;
}

/** Names the keys that no node looks at. */
export function unusedKeys(config: Config, used: readonly string[] = []): readonly Warning[] {
  const unused = Object.keys(config).filter((key) => !OF_THE_NAME.has(key) && !used.includes(key));
  return unused.length === 0 ? [] : [{ path: unused.join(', '), why: 'it is for cloud-init' }];
}

function parsed(source: string, text: string): Config | undefined {
  try {
    return readCloudConfig(source, text);
  } catch {
    return undefined; // It is cloud-init's text, so its faults are not the node's.
  }
}

/**
 * Takes the host name from a text for cloud-init, which is all that programs such as Raspberry Pi Imager can say to a
 * node. Undefined when the text has none; everything else in it has no effect.
 */
export function nameFromCloudConfig(source: string, text: string): ParsedDocument | undefined {
  const config = parsed(source, text);
  const name = config && nameOf(config);
  if (config === undefined || name === undefined) return undefined;
  return {
    document: { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', node: { name } },
    kind: 'cloud-config',
    warnings: unusedKeys(config),
  };
}
