import { isMap, parseDocument } from 'yaml';

/** The place of a node's name in a document, by the document's kind. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  NodeBootstrap: ['node', 'name'],
  JoinConfiguration: ['nodeRegistration', 'name'],
};

/** Returns the document of a node that only has a name. */
export const nameOnly = (name: string): string =>
  `apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode:\n  name: ${name}\n`;

/** The words `kubeadm join`, with what may stand before them in a line. */
const JOIN = /^(.*\bkubeadm[ \t](?:.*[ \t])?join)(?=\s|$)/gm;
const NODE_NAME = /\s--node[-_]name(?:=|\s+)(?:"[^"]*"|'[^']*'|[^\s\\]+)/g;
const HEAD = /^\s*["']?(?:apiVersion|kind|MIME-Version|Content-Type)["']?\s*:/im;

/** Returns the text with the flag behind each `join`: at its end a comment or other lines may stand. */
const withFlag = (text: string, name: string): string =>
  `${text.replaceAll(NODE_NAME, '').replaceAll(JOIN, `$1 --node-name ${name}`).trim()}\n`;

/**
 * Returns a bootstrap document with another name for its node, and everything else as it was; undefined when it is of a
 * form in which the name has no place.
 */
export function withName(text: string, name: string): string | undefined {
  const document = parseDocument(text);
  if (document.errors.length > 0 || !isMap(document.contents))
    return !HEAD.test(text) && text.search(JOIN) !== -1 ? withFlag(text, name) : undefined;
  const place = PLACES[String(document.get('kind'))];
  if (place === undefined) return undefined;
  document.setIn(place, name);
  return document.toString({ lineWidth: 0 });
}
