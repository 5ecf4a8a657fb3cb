import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { BootstrapError, fieldError } from '../faults/errors.ts';
import { convertNodeConfig } from './formats/eks.ts';
import { isJoinCommand, parseJoinCommand } from './formats/join-command.ts';
import { convertMetadataInformation } from './formats/kios-aws.ts';
import { convertJoinConfiguration } from './formats/kubeadm.ts';
import { isMime, parseMime } from './formats/mime.ts';
import { mergeDocuments } from './merge.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { NodeBootstrap, text } from './schema.ts';
import { parseYaml } from './yaml.ts';

/** What NoCloud calls meta-data; other keys are for other readers. */
const MetaData = v.object({ 'instance-id': v.optional(text), 'local-hostname': v.optional(text) });
export interface MetaData {
  readonly instanceId: string | undefined;
  readonly hostname: string | undefined;
}

type Converter = (source: string, input: unknown) => ParsedDocument;

const own: Converter = (source, input) => ({
  document: parse(NodeBootstrap, source, input, fieldError),
  kind: 'NodeBootstrap',
  warnings: [],
});

/** By apiVersion and kind; what is neither of these is read as ours, whose error says what is expected. */
const CONVERTERS: Readonly<Record<string, Converter>> = {
  'kios.redcoat.dev/v1alpha1 MetadataInformation': convertMetadataInformation,
  'kios.redcoat.dev/v1alpha1 AWSMetadataInformation': convertMetadataInformation,
  'node.eks.aws/v1alpha1 NodeConfig': convertNodeConfig,
  'kubeadm.k8s.io/v1beta3 JoinConfiguration': convertJoinConfiguration,
  'kubeadm.k8s.io/v1beta4 JoinConfiguration': convertJoinConfiguration,
};

const Head = v.object({ apiVersion: v.string(), kind: v.string() });

function convert(source: string, input: unknown): ParsedDocument {
  const head = v.safeParse(Head, input);
  const name = head.success ? `${head.output.apiVersion} ${head.output.kind}` : '';
  return (CONVERTERS[name] ?? own)(source, input);
}

/** Reads one text in any of the forms that are understood; every fault names the path in it and the cause. */
export function parseDocument(source: string, yaml: string): ParsedDocument {
  if (isJoinCommand(yaml)) return parseJoinCommand(source, yaml);
  if (!isMime(yaml)) return convert(source, parseYaml(source, yaml));
  const { parts, warnings } = parseMime(source, yaml);
  const readings = parts.map((part) => convert(part.source, parseYaml(part.source, part.text)));
  const document = mergeDocuments(readings.map((reading) => reading.document));
  if (document === undefined)
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: no part of it is for us`);
  return {
    document,
    kind: `MIME, ${readings.map(({ kind }) => kind).join(' and ')}`,
    warnings: [...warnings, ...readings.flatMap((reading) => reading.warnings)],
  };
}

/** Parses NoCloud's meta-data. */
export function parseMetaData(source: string, yaml: string): MetaData {
  const data = parse(MetaData, source, parseYaml(source, yaml) ?? {}, fieldError);
  return { instanceId: data['instance-id'], hostname: data['local-hostname'] };
}
