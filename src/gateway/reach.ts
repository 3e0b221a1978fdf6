import type {ReachResult} from '../api/index.ts'
import {parseAddress} from '../net/index.ts'
import {reachOf} from '../policy/index.ts'
import type {Runtime} from './runtime.ts'

/** Whose packets come to an address by the policy that is in force; `closed` sites are not heard of here. */
export function reachTo({compiled}: Pick<Runtime, 'compiled'>, text: string): ReachResult {
  const address = parseAddress(text)
  if (address === null) return {ok: false, code: 'bad-request', problem: `'${text}' is no address; such as 10.2.0.7`}
  const policy = compiled()
  const live = policy?.state.live
  if (!policy || !live)
    return {ok: false, code: 'unavailable', problem: 'no policy is in force yet: see `isthmus status`'}
  const reached = reachOf({...live, numbering: policy.state.numbering, verdicts: policy.verdicts}, address)
  return {ok: true, answer: {address, ...reached, class: reached.class === null ? null : String(reached.class)}}
}
