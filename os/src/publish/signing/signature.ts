import * as v from 'valibot';

import { type Blob, descriptorOf, jsonBlob, MEDIA } from '../../build/formats/oci.ts';
import type { SigningKey } from './key.ts';

const PAYLOAD = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE = 'dev.cosignproject.cosign/signature';

/** Returns the tag where cosign and policy controllers look for the signatures of a manifest. */
export const signatureTag = (digest: string): string => `${digest.replace(':', '-')}.sig`;

/** Makes the text that is signed: cosign's "simple signing" format. */
export const makePayload = (repository: string, digest: string): Blob =>
  jsonBlob(PAYLOAD, {
    critical: {
      identity: { 'docker-reference': repository },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });

const Layer = v.looseObject({
  mediaType: v.string(),
  digest: v.string(),
  size: v.number(),
  annotations: v.optional(v.record(v.string(), v.string()), {}),
});
type Layer = v.InferOutput<typeof Layer>;

const Signatures = v.pipe(v.string(), v.parseJson(), v.looseObject({ layers: v.array(Layer) }));

/** The signatures of a manifest, ready to be sent. */
export interface Signed {
  readonly manifest: Blob;
  readonly blobs: readonly Blob[];
}

/**
 * Adds a signature to those that a manifest has; `known` is their manifest. Returns undefined when this key has signed
 * it already: a second signature would be of other bytes.
 */
export function addSignature(
  key: SigningKey,
  payload: Blob,
  known: string | undefined,
): Signed | undefined {
  const layers = known === undefined ? [] : v.parse(Signatures, known).layers;
  const isOurs = ({ digest, annotations }: Layer): boolean =>
    digest === payload.digest && key.made(annotations[SIGNATURE] ?? '', payload.content);
  if (layers.some(isOurs)) return undefined;
  const all = [
    ...layers,
    { ...descriptorOf(payload), annotations: { [SIGNATURE]: key.sign(payload.content) } },
  ];
  const config = jsonBlob(MEDIA.config, {
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: all.map(({ digest }) => digest) },
  });
  const manifest = jsonBlob(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: descriptorOf(config),
    layers: all,
  });
  return { manifest, blobs: [payload, config, manifest] };
}
