/** Short elections, and no faults but the drills of the simulator (packages/coterie/src/testing/faults/drills.ts). */
const sharp = {
  ...{ simulatedMs: 8000, paceMs: 30, clients: 4, members: 3, lateMembers: 0, families: [], drillEveryMs: 200 },
  options: { electionTimeoutMs: 300, heartbeatMs: 30, leaseReads: false },
};

/** @param {readonly string[]} drills @param {Readonly<Record<string, unknown>>} [more] @returns a world of drills */
export function practising(drills, { options, ...more } = {}) {
  return { ...sharp, drills, ...more, options: { ...sharp.options, .../** @type {object} */ (options) } };
}
