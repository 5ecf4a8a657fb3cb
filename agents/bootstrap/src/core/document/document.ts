import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { BootstrapError, fieldError } from '../faults/errors.ts';
import { checkConverted } from './check-converted.ts';
import { convertNodeConfig, joinNodeConfigs } from './formats/eks.ts';
import { isJoinCommand, parseJoinCommand } from './formats/join-command.ts';
import { convertMetadataInformation } from './formats/kios-aws.ts';
import { convertJoinConfiguration } from './formats/kubeadm.ts';
import { isMime, parseMime } from './formats/mime.ts';
import { mergeDocuments } from './merge.ts';
import { withoutNulls } from './nulls.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { text } from './schema-parts.ts';
import { NodeBootstrap } from './schema.ts';
import { withNearest } from './unknown-fields.ts';
import { checkSize, parseYaml } from './yaml.ts';

/** NoCloud's meta-data; other programs read its other keys. */
const MetaData = v.object({ 'instance-id': v.optional(text), 'local-hostname': v.optional(text) });
export interface MetaData {
  readonly instanceId: string | undefined;
  readonly hostname: string | undefined;
}

type Converter = (source: string, input: unknown) => ParsedDocument;

const own: Converter = (source, input) => ({
  document: parse(NodeBootstrap, source, input, (message) =>
    fieldError(withNearest(message, NodeBootstrap, input)),
  ),
  kind: 'NodeBootstrap',
  warnings: [],
});

/** Keyed by apiVersion and kind. Anything else is parsed as NodeBootstrap, whose error names the expected fields. */
const CONVERTERS: Readonly<Record<string, Converter>> = {
  'kios.redcoat.dev/v1alpha1 MetadataInformation': convertMetadataInformation,
  'kios.redcoat.dev/v1alpha1 AWSMetadataInformation': convertMetadataInformation,
  'node.eks.aws/v1alpha1 NodeConfig': convertNodeConfig,
  'kubeadm.k8s.io/v1beta3 JoinConfiguration': convertJoinConfiguration,
  'kubeadm.k8s.io/v1beta4 JoinConfiguration': convertJoinConfiguration,
};

const Head = v.object({ apiVersion: v.string(), kind: v.string() });

function convert(source: string, input: unknown): ParsedDocument {
  const given = withoutNulls(input);
  const head = v.safeParse(Head, given);
  const name = head.success ? `${head.output.apiVersion} ${head.output.kind}` : '';
  return checkConverted(source, (CONVERTERS[name] ?? own)(source, given));
}

/** Parses a document in any supported form. Every fault names the field and the cause. */
export function parseDocument(source: string, yaml: string): ParsedDocument {
  if (isJoinCommand(yaml)) return checkConverted(source, parseJoinCommand(source, yaml));
  if (!isMime(yaml)) return convert(source, parseYaml(source, yaml));
  const { parts, warnings } = parseMime(source, yaml);
  checkSize(
    source,
    parts.map(({ text }) => text),
  );
  const readings = joinNodeConfigs(source, parts, parseYaml).map((part) =>
    convert(part.source, parseYaml(part.source, part.text)),
  );
  const document = mergeDocuments(readings.map((reading) => reading.document));
  if (document === undefined)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_DOCUMENT',
      `read ${source}: no part of it is for this agent`,
    );
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
