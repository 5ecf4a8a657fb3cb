export { type Address, ADDRESS_FLAG, FOREVER } from './address.ts';
export { type Family, familyOf } from './family.ts';
export { ARPHRD_ETHER, type Generation, type Link, type LinkChange } from './link.ts';
export { type Route, type RouteType, SCOPE, TABLE } from './route.ts';
export { type Kind, type NetworkEvent, networkEvents } from './events.ts';
export { openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export {
  isFromKernel,
  judgeUevent,
  openUevents,
  parseUevent,
  type Rejection,
  type Uevent,
  UEVENT_BUFFER_BYTES,
  type UeventOrLoss,
  type UeventSource,
} from './uevent.ts';
