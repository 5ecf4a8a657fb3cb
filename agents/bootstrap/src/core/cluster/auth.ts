import type { AuthSpec } from '../document/schema.ts';
import { type BootstrapError, fieldError } from '../faults/errors.ts';
import { nodeNameFault } from '../node/node-name.ts';
import { type BootstrapToken, splitToken } from './jws.ts';
import { type KubeconfigUser, parseKubeconfig } from './kubeconfig.ts';
import { parseCertificates, PemError } from './pem.ts';

/** Folder from which kubelet starts programs: besides its volumes the only writable one that allows execution. */
export const PLUGIN_DIR = '/var/lib/kios/credential-providers';

/** The certificate and key that a node gets for its proof, at the same place on the host and in the pod. */
export const ATTESTED_PEM = '/var/lib/kubelet/pki/kios-attested.pem';

/** The user of a node that has them: kubelet requests its own certificate as this user. */
export const ATTESTED_USER: KubeconfigUser = {
  'client-certificate': ATTESTED_PEM,
  'client-key': ATTESTED_PEM,
};

/** Returns the subject of a client certificate; throws when the key is not the certificate's. */
export type InspectPair = (certificate: string, key: string) => { readonly commonName: string };

/**
 * How the node authenticates. `token`: kubelet requests its certificate with it. `user`: an entry of a kubeconfig; with
 * `isBootstrap` kubelet requests its certificate as that user, otherwise it is that user. `held`: the node has its
 * credentials already.
 */
export type ClusterAuth =
  | {
      readonly kind: 'token';
      readonly token: BootstrapToken;
      /** The token that vouches for the cluster, when it is another one; it is never sent. */
      readonly discovery?: BootstrapToken;
      /** The node first proves what it has started, and kubelet never sees the token. */
      readonly attests?: true;
    }
  | {
      readonly kind: 'user';
      readonly user: KubeconfigUser;
      readonly isBootstrap: boolean;
      /** The name that the certificate prescribes. */
      readonly nodeName?: string;
      /** Whether it is a client certificate, which kubelet renews by itself; other users must not be rotated. */
      readonly rotates: boolean;
      /** A program of the agent's image to install for kubelet. */
      readonly program?: string;
    }
  | { readonly kind: 'held'; readonly rotates?: boolean };

/** The program by which an instance of EC2 authenticates to EKS. */
export const AWS_AUTHENTICATOR = 'aws-iam-authenticator';

const NODE_PREFIX = 'system:node:';

function certificateUser(certificate: string, key: string, inspect: InspectPair): ClusterAuth {
  const { commonName } = inspect(certificate, key);
  const isNode = commonName.startsWith(NODE_PREFIX);
  return {
    kind: 'user',
    user: { 'client-certificate-data': btoa(certificate), 'client-key-data': btoa(key) },
    isBootstrap: !isNode,
    rotates: true,
    ...(isNode ? { nodeName: commonName.slice(NODE_PREFIX.length) } : {}),
  };
}

const faultOf = (auth: ClusterAuth): string | undefined =>
  auth.kind === 'user' && auth.nodeName !== undefined ? nodeNameFault(auth.nodeName) : undefined;

function pairOf(path: string, cert: string, key: string, inspect: InspectPair): ClusterAuth {
  const refuse = (why: string): BootstrapError =>
    fieldError(`read the bootstrap document: ${path}: ${why}`);
  let auth: ClusterAuth;
  try {
    auth = certificateUser(parseCertificates(cert).join(''), key, inspect);
  } catch (error) {
    // The cause of another error would quote its input, which may be the key.
    throw refuse(error instanceof PemError ? error.message : 'certificate and key do not match');
  }
  const fault = faultOf(auth);
  if (fault !== undefined) throw refuse(`the node's name in the certificate ${fault}`);
  return auth;
}

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

function kubeconfigUser(
  user: KubeconfigUser,
  inspect: InspectPair,
  held: ClusterAuth | undefined,
): ClusterAuth {
  const { token, exec } = user;
  const cert = user['client-certificate-data'];
  const key = user['client-key-data'];
  if (typeof cert === 'string' && typeof key === 'string')
    return pairOf('auth.kubeconfig', atob(cert), atob(key), inspect);
  if (typeof token === 'string' && TOKEN.test(token))
    return { kind: 'token', token: splitToken(token) };
  if (typeof token === 'string')
    return { kind: 'user', user: { token }, isBootstrap: false, rotates: false };
  if (exec === undefined && held !== undefined) return held;
  if (exec === undefined)
    throw fieldError(
      'read the bootstrap document: auth.kubeconfig: its user has no token, exec, or certificate and key as data',
    );
  const { command, ...rest } = exec;
  return execUser({ ...rest, command: command.split('/').at(-1) ?? command });
}

interface Exec {
  readonly command: string;
  readonly apiVersion?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | undefined;
}

const execUser = ({ command, apiVersion, args, env }: Exec): ClusterAuth => ({
  kind: 'user',
  user: {
    exec: {
      apiVersion: apiVersion ?? 'client.authentication.k8s.io/v1',
      command: `${PLUGIN_DIR}/${command}`,
      ...(args === undefined ? {} : { args }),
      ...(env === undefined ? {} : { env }),
      interactiveMode: 'Never',
      provideClusterInfo: false,
    },
  },
  isBootstrap: false,
  rotates: false,
  program: command,
});

function awsUser({
  clusterId,
  region,
}: {
  clusterId: string;
  region?: string | undefined;
}): ClusterAuth {
  return execUser({
    command: AWS_AUTHENTICATOR,
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    args: ['token', '-i', clusterId],
    env: region === undefined ? undefined : [{ name: 'AWS_REGION', value: region }],
  });
}

/**
 * Converts the document's `auth` to an entry of a kubeconfig. A token file has been replaced by its content before.
 * `held` replaces the credentials that a kept kubeconfig lacks.
 */
export function readAuth(auth: AuthSpec, inspect: InspectPair, held?: ClusterAuth): ClusterAuth {
  if (auth.bootstrapToken !== undefined)
    return {
      kind: 'token',
      token: splitToken(auth.bootstrapToken),
      ...(auth.discoveryToken === undefined ? {} : { discovery: splitToken(auth.discoveryToken) }),
      ...(auth.attest === true ? { attests: true } : {}),
    };
  if (auth.clientCertificate !== undefined) {
    const { cert, key } = auth.clientCertificate;
    return pairOf('auth.clientCertificate', cert, key, inspect);
  }
  if (auth.exec !== undefined) return execUser(auth.exec);
  if (auth.awsIamAuthenticator !== undefined) return awsUser(auth.awsIamAuthenticator);
  if (auth.kubeconfig !== undefined)
    return kubeconfigUser(parseKubeconfig(auth.kubeconfig).user, inspect, held);
  throw fieldError('read the bootstrap document: auth: it has nothing that can be used');
}
