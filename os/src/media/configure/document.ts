import { isMap, parseDocument } from 'yaml';

/** The place of a node's name in a document, by the document's kind. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  NodeBootstrap: ['node', 'name'],
  JoinConfiguration: ['nodeRegistration', 'name'],
};

/** Returns the document of a node that only has a name. */
export const nameOnly = (name: string): string =>
  `apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode:\n  name: ${name}\n`;

/**
 * Returns a bootstrap document with another name for its node, and everything else as it was; undefined when it is of a
 * form in which the name has no place.
 */
export function withName(text: string, name: string): string | undefined {
  if (/^\s*(?:sudo\s+)?kubeadm\s+join\s/.test(text))
    // Of a flag that is given twice, the last counts.
    return `${text.trim().replace(/\\$/, '').trim()} --node-name ${name}\n`;
  const document = parseDocument(text);
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined;
  const place = PLACES[String(document.get('kind'))];
  if (place === undefined) return undefined;
  document.setIn(place, name);
  return document.toString({ lineWidth: 0 });
}
