import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Federation} from '../../src/federate/index.ts'
import {DATASTORE_LABEL, type RawRecord, SITE_LABEL, type World} from '../../src/model/index.ts'
import {NAMESPACE_LABEL, SERVICE_ACCOUNT_LABEL} from '../../src/selectors/index.ts'
import {seed} from '../policy/random-world.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, configOf, listOf, membersAt} from '../support/sites.ts'

type Labels = Record<string, string>

/** Every label that anything here may have, by itself or from a profile. */
const NAMES = [
  'app',
  'env',
  'pcns.env',
  'pcsa.role',
  NAMESPACE_LABEL,
  SERVICE_ACCOUNT_LABEL,
  SITE_LABEL,
  DATASTORE_LABEL,
]
const PROFILES = ['kns.shop', 'kns.bank', 'ksa.shop.bot', 'mine', 'projectcalico-default-allow', 'missing']

const pick = fc.constantFrom
const labels: fc.Arbitrary<Labels> = fc.dictionary(pick(...NAMES), pick('x', 'y', ''), {
  maxKeys: 4,
  noNullPrototype: true,
})
const profiles = fc.array(labels, {minLength: 4, maxLength: 4})
const namespace = pick('shop', 'bank')
const listed = fc.uniqueArray(pick(...PROFILES), {maxLength: 4, size: 'max'})
const pod = fc.record({labels, namespace, profiles: listed, serviceAccount: pick('', 'bot')})
const host = fc.record({labels, profiles: listed})
const set = fc.record({labels, namespace: pick('shop', 'bank', null)})

/** What each profile gives; one that is not stored gives nothing. */
const given = (stored: readonly Labels[], name: string): Labels => stored[PROFILES.slice(0, 4).indexOf(name)] ?? {}

/** One label of one object, as calico-model 3.3 says it: own labels first, then the profiles as they are listed. */
function label(name: string, own: Labels, inherited: readonly Labels[]): string | undefined {
  return [own, ...inherited].find((from) => Object.hasOwn(from, name))?.[name]
}

const isPrefixed = (name: string): boolean => /^pc(?:ns|sa)\./.test(name)

describe(`effective labels (SEED=${seed})`, () => {
  it('of any pod, host and set are what the semantics say, label by label', () => {
    fc.assert(
      fc.property(
        profiles,
        fc.array(pod, {maxLength: 4}),
        host,
        fc.array(set, {maxLength: 3}),
        (stored, pods, machine, sets) => {
          const records: RawRecord[] = [
            ...stored.map((labelsToApply, i) => rawRecord(`${CALICO}profiles/${PROFILES[i]}`, {spec: {labelsToApply}})),
            ...pods.map((one, i) =>
              rawRecord(`${CALICO}workloadendpoints/${one.namespace}/n1-k8s-p${i}-eth0`, {
                metadata: {labels: one.labels},
                spec: {
                  ...{interfaceName: 'cali1', ipNetworks: [`10.1.0.${i}/32`, `fd00:1::${i}/128`]},
                  ...{profiles: one.profiles, serviceAccountName: one.serviceAccount},
                },
              }),
            ),
            rawRecord(`${CALICO}hostendpoints/h`, {
              metadata: {labels: machine.labels},
              spec: {node: 'n1', expectedIPs: ['10.1.1.1'], profiles: machine.profiles},
            }),
            ...sets.map((one, i) =>
              rawRecord(
                one.namespace === null
                  ? `${CALICO}globalnetworksets/s${i}`
                  : `${CALICO}networksets/${one.namespace}/s${i}`,
                {metadata: {labels: one.labels}, spec: {nets: [`192.0.2.${i}`]}},
              ),
            ),
          ]
          const federation = new Federation(configOf())
          federation.update(listOf('datastore/main', records))
          const world = federation.world()

          for (const [i, one] of pods.entries()) {
            const want = (name: string): string | undefined => {
              if (name === SITE_LABEL) return 'a'
              if (name === DATASTORE_LABEL) return 'main'
              const own = {...one.labels}
              for (const mine of Object.keys(own)) if (isPrefixed(mine)) delete own[mine]
              if (one.serviceAccount !== '') own[SERVICE_ACCOUNT_LABEL] ??= one.serviceAccount
              return label(
                name,
                own,
                one.profiles.map((profile) => given(stored, profile)),
              )
            }
            check(world, `10.1.0.${i}/32`, 'pod', want)
            check(world, `fd00:1::${i === 0 ? '' : i}/128`, 'pod', want)
          }
          check(world, '10.1.1.1/32', 'host', (name) =>
            name === SITE_LABEL
              ? 'a'
              : name === DATASTORE_LABEL
                ? 'main'
                : label(
                    name,
                    machine.labels,
                    machine.profiles.map((one) => given(stored, one)),
                  ),
          )
          for (const [i, one] of sets.entries()) {
            check(world, `192.0.2.${i}/32`, 'set', (name) => {
              if (name === SITE_LABEL || name === DATASTORE_LABEL) return undefined
              if (name === NAMESPACE_LABEL) return one.namespace ?? undefined
              const own = Object.fromEntries(Object.entries(one.labels).filter(([mine]) => !isPrefixed(mine)))
              return label(name, own, one.namespace === null ? [] : [given(stored, `kns.${one.namespace}`)])
            })
          }
        },
      ),
      {seed, numRuns: 400},
    )
  })
})

function check(world: World, at: string, kind: string, want: (name: string) => string | undefined): void {
  const found = membersAt(world, at).find(({set: {kind: sort}}) => sort === kind)
  assert.ok(found, `nothing at ${at}`)
  for (const name of NAMES) assert.equal(found.set.labels[name], want(name), `${name} of the ${kind} at ${at}`)
}
