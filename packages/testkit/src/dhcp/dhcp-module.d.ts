/** Types for the used part of the npm package `dhcp`, which has none. */
declare module 'dhcp' {
  interface Request {
    readonly chaddr: string;
    readonly options: Readonly<Record<number, number>>;
  }
  interface Server {
    on(event: 'message', listener: (request: Request) => void): void;
    on(event: 'listening' | 'close', listener: () => void): void;
    on(event: 'error', listener: (error: unknown) => void): void;
    sendOffer(request: Request): void;
    sendAck(request: Request): void;
    listen(): void;
  }
  export function createServer(configuration: unknown): Server;
}
