export { type Address, FOREVER } from './address.ts';
export { ARPHRD_ETHER, type Link, type LinkChange } from './link.ts';
export { type Route, SCOPE } from './route.ts';
export { type Kind, type NetworkEvent, openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export { openUevents, parseUevent, type Uevent, type UeventSource } from './uevent.ts';
