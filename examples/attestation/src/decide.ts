import {
  ANNOTATION,
  faultOf,
  type Known,
  nameOfKey,
  NODE_SIGNER,
  NODE_USAGES,
  nodeIn,
  parseReport,
  type Report,
  requestOf,
} from '@kios/attestation';
import { describe, errorCode } from '@kios/errors';
import type { V1CertificateSigningRequest } from '@kubernetes/client-node';

/** The reason of a condition that this program has set. */
export const REASON = 'KiosAttestation';

/** What is to become of a request. */
export interface Decision {
  readonly node: string;
  /** Undefined approves it. */
  readonly fault: string | undefined;
  /** What the machine says of itself, in the form of the list of machines. It is worth nothing by itself. */
  readonly machine?: object;
}

/** Whether somebody with a bootstrap token asks for a node's certificate. Nodes renew theirs without this program. */
export const isJoining = ({ spec }: V1CertificateSigningRequest): boolean =>
  spec.signerName === NODE_SIGNER && spec.groups?.includes('system:bootstrappers') === true;

/** Whether another program approved a request: then this one protects nothing. */
export const isApprovedByOthers = (request: V1CertificateSigningRequest): boolean =>
  isJoining(request) &&
  request.status?.conditions?.some(
    ({ type, reason }) => type === 'Approved' && reason !== REASON,
  ) === true;

const entryOf = ({ public: key, pcrs }: Report): object => ({
  key: nameOfKey(key),
  pcrs: Object.fromEntries(
    ['0', '2', '7'].map((pcr) => [pcr, Buffer.from(pcrs[pcr] ?? []).toString('hex')] as const),
  ),
});

function judge(request: V1CertificateSigningRequest, node: string, pem: string, known: Known) {
  const text = request.metadata?.annotations?.[ANNOTATION];
  if (text === undefined)
    return { fault: 'it has no proof of what the machine has started (auth.attest)' };
  const report = parseReport(text);
  const fault = faultOf({ node, report, bound: requestOf(pem, node) }, known);
  return { fault, machine: entryOf(report) };
}

/** Decides on a request for a node's first certificate; undefined leaves it to others. */
export function decide(request: V1CertificateSigningRequest, known: Known): Decision | undefined {
  if (!isJoining(request) || (request.status?.conditions ?? []).length > 0) return undefined;
  const pem = Buffer.from(request.spec.request, 'base64').toString('latin1');
  let node = '';
  const usages = request.spec.usages?.toSorted().join();
  if (usages !== [...NODE_USAGES].toSorted().join())
    return { node, fault: 'it is for other usages than those of a node' };
  try {
    node = nodeIn(pem);
    return { node, ...judge(request, node, pem, known) };
  } catch (error) {
    if (errorCode(error) !== 'KIOS_DECODE') throw error;
    return { node, fault: describe(error) };
  }
}
