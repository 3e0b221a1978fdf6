import type {MatrixGroup, PairEnd, PolicyMatrix, PolicyPair, Refused} from '../api/index.ts'
import {hostPrefix} from '../net/index.ts'
import {
  groupEndpoints,
  type InForce,
  labelsToGroupBy,
  MOST_GROUPS,
  matrixOf,
  type Way,
  waysBetween,
} from '../policy/index.ts'
import type {Runtime} from './runtime.ts'
import {inSlices} from './slices.ts'

type Judged = Pick<Runtime, 'world' | 'compiled'>

/** What can be asked by beside labels. */
const WORDS = ['site', 'namespace', 'class']

/**
 * Who may talk to whom by the classes in force. In slices, so that nobody waits for it: of classes that change meanwhile it
 * may say what they were.
 */
export async function policyMatrix(runtime: Judged, by: string): Promise<PolicyMatrix | Refused> {
  const inForce = inForceOf(runtime)
  if (!inForce) return NOT_YET
  const all = await inSlices(groupEndpoints(by, inForce))
  const groups = all.slice(0, MOST_GROUPS)
  const cells = await inSlices(matrixOf(groups, inForce))
  if (!cells) return {refused: 'too-large', message: `by ${by} there are more classes than can be compared here`}
  const shown = groups.map(({name, addresses, classes}): MatrixGroup => ({name, addresses, classes: classes.size}))
  const labels = [...WORDS, ...labelsToGroupBy(runtime.world())]
  return {by, labels, groups: shown, leftOut: all.length - groups.length, cells}
}

/** How one group is judged towards another, and flows that show it. */
export async function policyPair(runtime: Judged, by: string, from: string, to: string): Promise<PolicyPair | Refused> {
  const inForce = inForceOf(runtime)
  if (!inForce) return NOT_YET
  const groups = await inSlices(groupEndpoints(by, inForce))
  const [source, destination] = [from, to].map((name) => groups.find((group) => group.name === name))
  if (!source || !destination) {
    return {refused: 'not-found', message: `no endpoints with ${by} ${JSON.stringify(source ? to : from)}`}
  }
  const {ways, leftOut} = await inSlices(waysBetween(source, destination, inForce))
  return {by, from, to, ways: ways.map((way) => wayOf(runtime, way)), leftOut}
}

const NOT_YET: Refused = {refused: 'not-found', message: 'no policy has been computed yet'}

function inForceOf({compiled}: Judged): InForce | null {
  const now = compiled()
  if (!now?.state.live) return null
  return {classified: now.state.live.classified, numbering: now.state.numbering, verdicts: now.verdicts}
}

function wayOf(runtime: Judged, {verdict, allowed, classPairs, ends, flows}: Way): PolicyPair['ways'][number] {
  const {from, to} = ends
  return {
    ...{verdict, allowed, classPairs},
    from: endOf(runtime, from, 'egress'),
    to: endOf(runtime, to, 'ingress'),
    flows: flows.map((flow) => ({...flow})),
  }
}

function endOf({world}: Judged, {address, class: its}: Way['ends']['from'], direction: 'egress' | 'ingress'): PairEnd {
  const {members, attributes} = world()
  const holders = members.get(hostPrefix(address)) ?? []
  const labels = holders.map((member) => attributes.get(member.attributes)?.labels).find((found) => found)
  return {
    address,
    site: its.site,
    names: holders.flatMap(({names}) => names),
    labels: labels ?? {},
    policies: its[direction].map(({document}) => ({
      tier: document.tier,
      name: document.meta.name,
      selector: document.selector,
    })),
  }
}
