import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { fieldError } from '../../faults/errors.ts';
import { withoutNulls } from '../nulls.ts';
import type { ParsedDocument } from '../parsed-document.ts';
import { anyText, map, text } from '../schema-parts.ts';
import { Taint } from '../schema.ts';
import { unknownFields } from '../unknown-fields.ts';
import { parseYaml } from '../yaml.ts';
import { withHttpsPort } from './https-port.ts';

/** The document of kios-aws: an EKS cluster, entered with the instance's IAM role. */
const MetadataInformation = v.object({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.optional(v.unknown()),
  apiServer: v.object({ name: text, endpoint: text, b64ClusterCA: text }, 'must be a map'),
  node: v.optional(
    v.object({
      taints: v.optional(v.array(Taint, 'must be a list')),
      labels: v.optional(map),
      maxPods: v.optional(v.unknown()),
      kubeletConfiguration: v.optional(anyText),
      containerRuntime: v.optional(v.unknown()),
    }),
    {},
  ),
});

export function convertMetadataInformation(source: string, input: unknown): ParsedDocument {
  const { apiServer, node } = parse(MetadataInformation, source, input, fieldError);
  const config =
    node.kubeletConfiguration === undefined
      ? undefined
      : parse(
          map,
          `${source}, node.kubeletConfiguration`,
          withoutNulls(parseYaml(source, node.kubeletConfiguration) ?? {}),
          fieldError,
        );
  const ignored = (['maxPods', 'containerRuntime'] as const).filter(
    (field) => node[field] !== undefined,
  );
  return {
    document: {
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      cluster: {
        name: apiServer.name,
        endpoint: withHttpsPort(apiServer.endpoint),
        caBundle: apiServer.b64ClusterCA,
      },
      auth: { awsIamAuthenticator: { clusterId: apiServer.name } },
      node: {
        ...(node.labels === undefined ? {} : { labels: node.labels }),
        ...(node.taints === undefined ? {} : { taints: node.taints }),
      },
      ...(config === undefined ? {} : { kubelet: { config } }),
    },
    kind: 'MetadataInformation',
    warnings: [
      ...ignored.map((field) => ({
        path: `node.${field}`,
        why: 'not carried out here; set kubelet.config in a document of our own',
      })),
      ...unknownFields(MetadataInformation, input),
    ],
  };
}
