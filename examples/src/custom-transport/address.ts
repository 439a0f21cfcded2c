/** Where an address like `tcp://127.0.0.1:7001` is, whatever its scheme. */
export function placeOf(address: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(address);
  return { host: hostname.replace(/[[\]]/g, ''), port: Number(port) };
}
