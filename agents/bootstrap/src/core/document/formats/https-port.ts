/** Adds the port that EKS and kubeconfigs leave out, 443. Without a port our own documents mean 6443. */
export const withHttpsPort = (endpoint: string): string =>
  /^https:\/\/[^/]*:\d+(?:\/|$)/.test(endpoint) ? endpoint : `${endpoint.replace(/\/$/, '')}:443`;
