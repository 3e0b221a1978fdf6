import assert from 'node:assert/strict'
import fc from 'fast-check'
import {exportRecords, MemberRecords, siteRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord, SourceId} from '../../src/model/index.ts'
import {decider, expand, type HistoryEvent, interleave} from '../support/expand.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, configOf, EXPORT, ISTHMUS, podRecord, profileRecord} from '../support/sites.ts'

const CONFIG = configOf()
const OWN = {tunnels: new Map()}

const put = ({key, value}: RawRecord): HistoryEvent => ({key, value: new TextDecoder().decode(value)})
const small = fc.integer({min: 0, max: 3})

/** Few names, few addresses, few label sets: what happens must collide. */
const localEvent: fc.Arbitrary<HistoryEvent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(small, small, small, fc.boolean())
      .map(([name, ip, app, inside]) =>
        put(podRecord(`p${name}`, `10.${inside ? 1 : 9}.0.${ip}`, {labels: {app: `a${app}`}, profiles: ['kns.shop']})),
      ),
  },
  small.map((env) => put(profileRecord('kns.shop', {'pcns.env': `e${env}`}))),
  fc.tuple(small, fc.array(small), small).map(([name, ips, label]) =>
    put(
      rawRecord(`${CALICO}globalnetworksets/s${name}`, {
        metadata: {labels: {set: `l${label}`}},
        spec: {nets: ips.map((ip) => `10.1.0.${ip}`)},
      }),
    ),
  ),
  fc
    .tuple(small, small)
    .map(([name, net]) => put(rawRecord(`${ISTHMUS}staticprefixes/x${name}`, {spec: {prefix: `10.1.${net}.0/24`}}))),
  small.map((order) => put(rawRecord(`${ISTHMUS}globalnetworkpolicies/g${order}`, {spec: {order}}))),
)
const remoteEvent: fc.Arbitrary<HistoryEvent> = fc.oneof(
  fc.tuple(small, small).map(([ip, id]) => put(rawRecord(`${EXPORT}endpoints/main/10.2.0.${ip}/i${id}`, {n: []}))),
  small.map((id) => put(rawRecord(`${EXPORT}attributes/i${id}`, {kind: 'pod', labels: {app: 'x'}}))),
)

/** Some keys are deleted again. */
const history = (event: fc.Arbitrary<HistoryEvent>): fc.Arbitrary<HistoryEvent[]> =>
  fc
    .array(fc.tuple(event, fc.nat(9)), {maxLength: 25})
    .map((events) =>
      events.map(([one, dice], i) => (dice < 3 && i > 0 ? {key: events[i - 1]![0].key, value: null} : one)),
    )

describe('MemberRecords', () => {
  it('after any changes hold what is made from nothing, and their journal names every key that differs', () => {
    const sources: readonly SourceId[] = ['datastore/main', 'datastore/second', 'export/b']
    fc.assert(
      fc.property(
        fc.tuple(history(localEvent), history(localEvent), history(remoteEvent)),
        fc.array(fc.nat(), {minLength: 1, maxLength: 60}),
        (all, numbers) => {
          const decide = decider(numbers)
          const federation = new Federation(CONFIG)
          const members = new MemberRecords(CONFIG.site)
          const batches = interleave(
            sources.map((source, i) => expand(source, all[i]!, decide)),
            decide,
          )
          let [seen, before] = [0, new Map<string, string>()]
          for (const batch of batches) {
            federation.update(batch)
            if (decide(2) === 0) continue
            const world = federation.world()
            members.take(federation.takeMemberChanges(), world.attributes)
            const {texts} = members.records
            const whole = new Map([...siteRecords(world, CONFIG, OWN), ...texts])
            assert.deepEqual(
              [...whole].sort(([a], [b]) => (a < b ? -1 : 1)),
              [...exportRecords(world, CONFIG, OWN)],
            )
            const changed = members.records.changedSince(seen)!
            for (const key of new Set([...before.keys(), ...texts.keys()])) {
              if (before.get(key) !== texts.get(key)) assert.ok(changed.has(key), key)
            }
            ;[seen, before] = [members.records.revision, new Map(texts)]
          }
        },
      ),
      {numRuns: 300},
    )
  })
})
