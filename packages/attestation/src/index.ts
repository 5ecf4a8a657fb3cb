export { ANNOTATION, formatReport, parseReport, Report } from './report.ts';
export {
  certificateRequest,
  NODE_SIGNER,
  NODE_USAGES,
  nodeIn,
  requestInfo,
  requestOf,
} from './request.ts';
export { trimLog } from './event-log.ts';
export { nameOfKey } from './attestation-key.ts';
export { faultOf, type Known, type KnownMachine, type Presented, type Started } from './judge.ts';
