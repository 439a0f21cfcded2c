import { CoterieError } from '@coterie/errors';
import { featureLevels, type CallControl, type QuotaUse, type Upkeep, type WriteRequest } from '@coterie/mvcc';
import type { AdmissionHost } from '../membership/admission.js';
import type { Deadlines } from './deadlines.js';
import type { QuotaInfo } from './engine.js';
import type { PeerEngineParts } from './peer-engine-parts.js';
import type { Replica } from './replica.js';

/** How often it is looked whether the cluster has risen. */
const pollMs = 20;

/** The level from which on a cluster has what a request sets. */
function needsLevel({ kind }: WriteRequest): number {
  return kind === 'setQuota' || kind === 'removeQuota' ? featureLevels.quotas : featureLevels.base;
}

/**
 * Lets a request through when the cluster is at the level that it needs. A new cluster rises within about a second, one
 * whose members are being upgraded when the last of them is.
 *
 * @returns undefined when it is there already, as for whatever writes keys: writes go out in the order of their calls
 * @throws CoterieError ERR_FEATURE_LEVEL when it did not rise within the time of the call, ERR_ABORTED, ERR_CLOSED
 */
export function untilLevel(
  request: WriteRequest,
  { machine }: Replica,
  deadlines: Deadlines,
  control: CallControl,
  requestTimeoutMs: number,
): Promise<void> | undefined {
  const level = needsLevel(request);
  return machine.featureLevel >= level ? undefined : risen(level, machine, deadlines, control, requestTimeoutMs);
}

async function risen(
  level: number,
  machine: Replica['machine'],
  deadlines: Deadlines,
  control: CallControl,
  requestTimeoutMs: number,
): Promise<void> {
  try {
    await deadlines.until('the feature level', control, requestTimeoutMs, pollMs, () => machine.featureLevel >= level);
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error;
    const { code, message } = error;
    if (code !== 'ERR_TIMEOUT') throw new CoterieError(code, { message, cause: error, outcome: 'not-applied' });
    throw new CoterieError('ERR_FEATURE_LEVEL', {
      message: `this needs feature level ${level}, the cluster is at ${machine.featureLevel}: it rises when every member runs a build that knows it`,
      level,
      supported: machine.featureLevel,
      outcome: 'not-applied',
    });
  }
}

/** A quota as applications see it. Prefixes are set as texts, so they are texts. */
function quotaInfo({ prefix, bytes, used, counting }: QuotaUse): QuotaInfo {
  return { prefix: Buffer.from(prefix, 'latin1').toString('utf8'), bytes, used, counting };
}

export function quotaInfos(replica: Replica): readonly QuotaInfo[] {
  return replica.machine.quotas().map(quotaInfo);
}

/** What admission asks of levels. */
export function levelsOf(
  { machine }: Replica,
  upkeep: Upkeep,
  { ports: { clock }, featureLevel }: Pick<PeerEngineParts, 'ports' | 'featureLevel'>,
): Pick<AdmissionHost, 'now' | 'supportedLevel' | 'featureLevel' | 'raiseLevel'> {
  return {
    now: () => clock.now(),
    supportedLevel: featureLevel,
    featureLevel: () => machine.featureLevel,
    raiseLevel: (level, members) => upkeep.raiseLevel(level, members),
  };
}
