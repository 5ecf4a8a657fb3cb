import { createHmac } from 'node:crypto';

/** The token every fake cluster signs with. */
export const SIGNING_TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };

const b64 = (text: string): string => Buffer.from(text).toString('base64url');

/** Returns the detached JWS of the control plane's bootstrap signer. */
export function signInfo(kubeconfig: string): string {
  const header = b64(`{"alg":"HS256","kid":"${SIGNING_TOKEN.id}"}`);
  const mac = createHmac('sha256', SIGNING_TOKEN.secret).update(`${header}.${b64(kubeconfig)}`);
  return `${header}..${mac.digest('base64url')}`;
}

/** Returns the kubeconfig in `kube-public/cluster-info` as kubeadm writes it, with its nulls. */
export const clusterInfo = (ca: string, server = 'https://h:6443'): string => {
  const data = Buffer.from(ca).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: ""
  cluster:
    certificate-authority-data: ${data}
    server: ${server}
contexts: null
current-context: ""
preferences: {}
users: null
`;
};

/** Returns the ConfigMap `kube-public/cluster-info` as the API server sends it. */
export const infoConfigMap = (kubeconfig: string, jws: string = signInfo(kubeconfig)): string =>
  JSON.stringify({ data: { kubeconfig, [`jws-kubeconfig-${SIGNING_TOKEN.id}`]: jws } });
