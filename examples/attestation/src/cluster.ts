import { NODE_SIGNER } from '@kios/attestation';
import { describe, EXIT, KiosError } from '@kios/errors';
import {
  CertificatesV1Api,
  KubeConfig,
  type V1CertificateSigningRequest,
} from '@kubernetes/client-node';

import { type Decision, REASON } from './decide.ts';

/** The requests of a cluster. */
export interface Requests {
  list(): Promise<readonly V1CertificateSigningRequest[]>;
  /** Writes a decision, unless the request was changed since it was read. */
  settle(request: V1CertificateSigningRequest, decision: Decision): Promise<void>;
}

async function asOurs<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new KiosError('KIOS_ATTESTATION_API', `${what}: ${describe(error)}`, {
      exitCode: EXIT.unavailable,
      remedy: 'Check that the API server is reachable, and the rights in attestation.yaml.',
    });
  }
}

/** Opens the cluster of the pod's account, of $KUBECONFIG or of ~/.kube/config. */
export function openRequests(): Requests {
  const config = new KubeConfig();
  config.loadFromDefault();
  const api = config.makeApiClient(CertificatesV1Api);
  return {
    list: async () => {
      const fieldSelector = `spec.signerName=${NODE_SIGNER}`;
      const list = api.listCertificateSigningRequest({ fieldSelector });
      return (await asOurs('list certificate requests', list)).items;
    },
    settle: async (request, { fault }) => {
      const name = request.metadata?.name ?? '';
      const condition = {
        type: fault === undefined ? 'Approved' : 'Denied',
        status: 'True',
        reason: REASON,
        message: fault ?? 'the machine has proved that it runs a known system',
      };
      const body: V1CertificateSigningRequest = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: request.metadata ?? {},
        spec: request.spec,
        status: { conditions: [condition] },
      };
      const call = api.replaceCertificateSigningRequestApproval({ name, body });
      await asOurs(`decide on the request ${name}`, call);
    },
  };
}
