import type { Logger } from '@kios/agent';

import { AWS_AUTHENTICATOR } from '../core/cluster/auth.ts';
import type { ClusterConfig } from '../core/cluster/cluster-config.ts';
import type { NodeBootstrap } from '../core/document/schema.ts';
import { fieldError } from '../core/faults/errors.ts';
import { chooseNodeName, type ChosenName, hostnameToWrite } from '../core/node/node-name.ts';
import { ec2PrivateName } from '../core/providers/ec2-name.ts';
import type { NodeFacts } from '../edge/node/node.ts';
import type { Uplink } from '../edge/node/uplink.ts';
import type { Sources } from '../edge/sources/sources.ts';

type Facts = Sources['facts'];

/** Everything that decides on a node's name. */
export interface NameInput {
  readonly document: NodeBootstrap;
  readonly cluster: ClusterConfig | undefined;
  readonly sources: Pick<Sources, 'facts'>;
  readonly node: NodeFacts;
  /** The node has not joined, or joins anew. */
  readonly isNew: boolean;
  /** The disk may be a copy, so /etc/hostname may name another machine. */
  readonly isCopy: boolean;
}

const isNamed = ({ node }: NodeBootstrap): boolean =>
  node?.name !== undefined && node.name !== 'auto';

/** Returns the name that the document gives the node: one in it, or the id of the instance. */
const documentName = (document: NodeBootstrap, { instanceId }: Facts): string | undefined =>
  !isNamed(document) && document.node?.nameFrom === 'instanceId' ? instanceId : document.node?.name;

/** Refuses to name a new node after an instance without an id: its cluster would not know the name that it gets. */
export function checkNameSource(document: NodeBootstrap, { instanceId }: Facts): void {
  if (isNamed(document) || document.node?.nameFrom === undefined || instanceId !== undefined)
    return;
  throw fieldError(
    'read the bootstrap document: node.nameFrom: the metadata of this machine has no instance id',
  );
}

const derivedName = ({ host }: Pick<NodeFacts, 'host'>): string | undefined =>
  host === undefined || host.hostnameSource === 'file' ? undefined : host.hostname;

/** Returns the provider's name, in the form in which an authenticator of EKS knows the node. */
function providersName({
  cluster,
  sources: { facts },
}: Pick<NameInput, 'cluster' | 'sources'>): string | undefined {
  const auth = cluster?.auth;
  const isOfEks = auth?.kind === 'user' && auth.program === AWS_AUTHENTICATOR;
  return (isOfEks ? ec2PrivateName(facts) : undefined) ?? facts.hostname;
}

/**
 * Chooses the node's name. One that has joined is renamed by nobody, except by a document for a node without a
 * certificate of its own.
 */
export function nameNode(
  { document, cluster, sources, node, isNew, isCopy }: NameInput,
  uplink: Uplink | undefined,
): ChosenName {
  const byOthers = isNew
    ? { provider: providersName({ cluster, sources }), dhcp: uplink?.lease?.hostname }
    : { joined: node.identity };
  return chooseNodeName({
    ...byOthers,
    certificate: cluster?.auth.kind === 'user' ? cluster.auth.nodeName : undefined,
    document: isNew || cluster !== undefined ? documentName(document, sources.facts) : undefined,
    file: isCopy ? undefined : node.hostname,
    derived: derivedName(node),
  });
}

/** Returns the name to write to /etc/hostname; undefined leaves it to init. */
export const hostnameOf = (
  chosen: Pick<ChosenName, 'name' | 'by'>,
  node: NodeFacts,
): string | undefined =>
  hostnameToWrite(chosen, { file: node.hostname, derived: derivedName(node) });

/** Returns the name that /etc/hostname of a configured node is to have. */
export const presentHostname = (node: NodeFacts): string | undefined =>
  node.identity === undefined
    ? node.hostname
    : hostnameOf({ name: node.identity, by: 'joined' }, node);

/** Returns whether /etc/hostname is gone although init has read a name from it. */
export const isNameLost = ({ identity, hostname, host }: NodeFacts): boolean =>
  identity === undefined && hostname === undefined && host?.hostnameSource === 'file';

/** Logs the name, and those that no node can have. */
export function reportName(log: Logger, { name, by, unusable }: ChosenName): void {
  for (const { by: origin, given, why } of unusable)
    log.warn({
      ev: 'name.unusable',
      code: 'KIOS_BOOTSTRAP_NAME',
      by: origin,
      given: given.slice(0, 100),
      why,
      remedy: 'Set node.name in the bootstrap document, or shorten the name where it comes from.',
    });
  log.info({ ev: 'node.name', name, by });
}
