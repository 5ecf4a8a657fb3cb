/** EKS and kubeconfigs leave out the port where they mean the one of https; in our document that is the API server's usual one. */
export const withHttpsPort = (endpoint: string): string =>
  /^https:\/\/[^/]*:\d+(?:\/|$)/.test(endpoint) ? endpoint : `${endpoint.replace(/\/$/, '')}:443`;
