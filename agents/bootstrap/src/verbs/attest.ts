import { createHash, generateKeyPairSync, sign } from 'node:crypto';

import { backoff, sleep } from '@kios/agent';
import {
  ANNOTATION,
  certificateRequest,
  formatReport,
  NODE_SIGNER,
  NODE_USAGES,
  requestInfo,
} from '@kios/attestation';
import type { V1CertificateSigningRequest } from '@kubernetes/client-node';

import type { BootstrapToken } from '../core/cluster/jws.ts';
import { BootstrapError, hasCode } from '../core/faults/errors.ts';
import { openKube } from '../edge/cluster/kube-auth.ts';
import type { KubeClient } from '../edge/cluster/kube-client.ts';
import { StatusError } from '../edge/cluster/status-error.ts';
import { askTpm } from '../edge/node/ask-tpm.ts';
import { writeAttested } from '../edge/node/attested.ts';
import { apiOf, type JoinContext } from './context.ts';

/** The cluster that is to believe the node, and the name that it wants there. */
export interface Attesting {
  readonly endpoint: string;
  readonly ca: readonly string[];
  readonly token: BootstrapToken;
  readonly name: string | undefined;
}

/** As long as kubelet waits for its own request; then another one is made. */
const PATIENCE_MS = 15 * 60_000;
/** Pauses between two looks at the request. An approver that is there decides within seconds. */
const PAUSES = { firstMs: 1000, maxMs: 15_000, factor: 1.5, jitter: 0.2 };

/** A key, and the request for its certificate with the proof that belongs to it. */
interface Asked {
  readonly key: string;
  readonly request: V1CertificateSigningRequest & { readonly metadata: { readonly name: string } };
}

async function makeRequest({ settings, signal }: JoinContext, name: string): Promise<Asked> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const report = await askTpm(settings, spki, signal);
  const info = requestInfo(name, spki);
  const pem = certificateRequest(info, new Uint8Array(sign('sha256', info, privateKey)));
  const id = createHash('sha256').update(spki).digest('hex').slice(0, 20);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    request: {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: {
        name: `kios-attested-${id}`,
        annotations: { [ANNOTATION]: formatReport(report) },
      },
      spec: {
        request: Buffer.from(pem).toString('base64'),
        signerName: NODE_SIGNER,
        usages: [...NODE_USAGES],
      },
    },
  };
}

const denied = (why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DENIED', `get a certificate for this node: ${why}`);

/** Says that the API server does not take or keep the request. */
function refused(error: unknown): Error {
  if (error instanceof StatusError) return denied(error.message);
  return error instanceof Error ? error : new TypeError(String(error));
}

/** Whether another try may help: the API server is away, starting or busy. */
const isPassing = (error: unknown): boolean =>
  error instanceof StatusError
    ? error.status === 429 || error.status >= 500
    : hasCode(error, 'KIOS_BOOTSTRAP_UNREACHABLE');

/** Returns the certificate, once somebody has approved the request; undefined until then. */
function certificateOf({ status }: V1CertificateSigningRequest): string | undefined {
  const final = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (final !== undefined)
    throw denied(`the cluster says ${final.type}: ${final.message ?? final.reason ?? ''}`);
  return status?.certificate === undefined || status.certificate === ''
    ? undefined
    : Buffer.from(status.certificate, 'base64').toString();
}

/** Looks at the request until it is decided. An API server that is away meanwhile is asked again. */
async function waitForCertificate(
  kube: KubeClient,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const end = performance.now() + PATIENCE_MS;
  const pauses = backoff(PAUSES);
  while (performance.now() < end) {
    await sleep(pauses.next(), signal);
    try {
      const certificate = certificateOf(await kube.request(name));
      if (certificate !== undefined) return certificate;
    } catch (error) {
      if (!isPassing(error)) throw refused(error);
    }
  }
  throw denied(`nobody has decided on the request ${name} in ${PATIENCE_MS / 60_000} minutes`);
}

/**
 * Proves what this machine has started, by a request for a certificate of the node that has the TPM's word with it, and
 * keeps the certificate. Kubelet then requests its own by it. Nothing is kept of a request that was not approved: the
 * next try makes a key of its own.
 */
export async function attestNode(
  context: JoinContext,
  { endpoint, ca, token, name }: Attesting,
): Promise<void> {
  const { settings, log, signal } = context;
  if (name === undefined)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_ATTEST',
      'prove what this machine has started: the node has no name yet',
      {
        remedy: 'Set node.name in the bootstrap document.',
      },
    );
  const { key, request } = await makeRequest(context, name);
  const caller = { ca, token: `${token.id}.${token.secret}` };
  const kube = await openKube(apiOf(context, endpoint), caller);
  await kube.createRequest(request).catch((error: unknown) => {
    throw refused(error);
  });
  log.info({ ev: 'attest.sent', request: request.metadata.name, name, console: true });
  const certificate = await waitForCertificate(kube, request.metadata.name, signal);
  await writeAttested(settings, certificate, key);
  log.info({ ev: 'attest.approved', name, console: true });
}
