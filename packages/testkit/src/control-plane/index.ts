export { ControlPlane, pin } from './control-plane.ts';
export { applyExample, readExample } from './example.ts';
export { makeCa, makeLeaf, openssl } from './make-certificates.ts';
export { CONTROL_PLANE, find, missing, NODE } from './programs.ts';
