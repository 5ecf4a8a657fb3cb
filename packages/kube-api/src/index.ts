export { openApiServer } from './api-server.ts';
export type { Reason } from './failure.ts';
export type {
  ApiAnswer,
  ApiFault,
  ApiRequest,
  ApiServer,
  ClientPair,
  Opening,
} from './api-server.ts';
export { PodApi } from './pod-api.ts';
export type { MakeFault, PodAccess, PodFault, PodRequest } from './pod-api.ts';
