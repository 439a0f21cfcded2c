import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { refuseUpgrade } from './refuse-upgrade.js';

export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** The path of a request target, without its query. */
export function upgradePath(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/**
 * Takes the upgrades on one path away from everybody else on an application's server.
 *
 * A listener alone cannot: `upgrade` goes to all listeners, and a `ws` server beside us would answer on the same socket
 * (it throws when it notices). So the server's own `emit` is wrapped for this one event and path. The listener is still
 * needed: without any, Node treats an upgrade as a plain request (https://nodejs.org/api/http.html#event-upgrade); it
 * refuses what nobody else listens for.
 *
 * @returns what gives everything back
 */
export function attachUpgradeGate(server: HttpServer | HttpsServer, path: string, onUpgrade: OnUpgrade): () => void {
  let attached = true;
  const target = server as HttpServer;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back as it was, applied to its own server
  const emitBefore = target.emit;
  const ownBefore = Object.hasOwn(target, 'emit');

  const refuseAlone: OnUpgrade = (_request, socket) => {
    const listeners = target.listeners('upgrade');
    // With several gates on one server and nobody else, the first gate answers for all.
    if (listeners[0] === refuseAlone && listeners.every((listener) => gateListeners.has(listener))) {
      refuseUpgrade(socket, 404, 'nothing to upgrade to here');
    }
  };
  gateListeners.add(refuseAlone);

  const emit = function (this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
    if (attached && event === 'upgrade') {
      const [request, socket, head] = args as Parameters<OnUpgrade>;
      if (upgradePath(request) === path) {
        onUpgrade(request, socket, head);
        return true;
      }
    }
    return Reflect.apply(emitBefore, this, [event, ...args]) as boolean;
  };
  target.emit = emit as HttpServer['emit'];
  target.on('upgrade', refuseAlone);

  return () => {
    attached = false;
    target.off('upgrade', refuseAlone);
    // Whoever wrapped `emit` after us still calls ours, which now only passes on.
    if (target.emit !== (emit as HttpServer['emit'])) return;
    if (ownBefore) target.emit = emitBefore;
    else delete (target as { emit?: unknown }).emit;
  };
}

/** Listeners that are gates: they do not count as the application's. */
const gateListeners = new WeakSet<object>();
