import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Federation} from '../../src/federate/index.ts'
import type {Member, Members, RawRecord, SourceId} from '../../src/model/index.ts'
import {fourText, hostPrefix, type Prefix} from '../../src/net/index.ts'
import {asList, decider, expand, type HistoryEvent, interleave} from '../support/expand.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, configOf, EXPORT, ISTHMUS, plainWorld, podRecord, profileRecord, site} from '../support/sites.ts'

const text = ({value}: RawRecord): string => new TextDecoder().decode(value)
const put = (record: RawRecord): HistoryEvent => ({key: record.key, value: text(record)})

const small = fc.integer({min: 0, max: 4})

/** Few names, few addresses: what happens must collide. */
const localEvent: fc.Arbitrary<HistoryEvent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({name: small, ip: small, app: small, inside: fc.boolean(), profile: small})
      .map(({name, ip, app, inside, profile}) =>
        put(
          podRecord(`p${name}`, `10.${inside ? 1 : 9}.0.${ip}`, {
            labels: {app: `a${app}`},
            profiles: [`kns.n${profile}`],
          }),
        ),
      ),
  },
  fc.tuple(small, small).map(([name, env]) => put(profileRecord(`kns.n${name}`, {'pcns.env': `e${env}`}))),
  fc
    .tuple(small, small)
    .map(([name, env]) => put(rawRecord(`${ISTHMUS}profiles/kns.n${name}`, {spec: {labelsToApply: {env: `e${env}`}}}))),
  fc.tuple(small, fc.array(small), small).map(([name, ips, label]) =>
    put(
      rawRecord(`${CALICO}globalnetworksets/s${name}`, {
        metadata: {labels: {set: `l${label}`}},
        spec: {nets: ips.map((ip) => (ip === 0 ? '198.51.100.0/24' : `10.1.0.${ip}`))},
      }),
    ),
  ),
  fc.tuple(small, small, fc.constantFrom(CALICO, ISTHMUS)).map(([name, order, root]) =>
    put(
      rawRecord(`${root}globalnetworkpolicies/${name > 2 ? 'default.' : ''}g${name % 3}`, {
        metadata: {annotations: {'isthmus.io/scope': 'global'}},
        spec: {order},
      }),
    ),
  ),
  fc
    .tuple(small, small)
    .map(([name, net]) => put(rawRecord(`${ISTHMUS}staticprefixes/x${name}`, {spec: {prefix: `10.1.${net}.0/24`}}))),
  small.map((name) => ({key: `${CALICO}nodes/n${name}`, value: name === 0 ? '{broken' : '{"spec":{}}'})),
)

const remoteEvent: fc.Arbitrary<HistoryEvent> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(small, small, fc.constantFrom(2, 3))
      .map(([ip, id, net]) => put(rawRecord(`${EXPORT}endpoints/main/10.${net}.0.${ip}/i${id}`, {n: [`x/${ip}`]}))),
  },
  fc
    .tuple(small, small, fc.constantFrom('pod', 'set'))
    .map(([id, app, kind]) => put(rawRecord(`${EXPORT}attributes/i${id}`, {kind, labels: {app: `a${app}`}}))),
  fc.constantFrom('b', 'b', 'c').map((name) => put(rawRecord(`${EXPORT}meta`, {schema: 1, site: name}))),
  small.map((n) => put(rawRecord(`${EXPORT}site`, {as: n + 1, prefixes: ['10.2.0.0/16', `10.${n}.0.0/16`]}))),
  fc.tuple(small, small).map(([name, n]) =>
    put(
      rawRecord(`${EXPORT}gateways/b${name}`, {
        uplinks: [{name: 'wan', address: '192.0.2.2', inner: [`100.64.0.${n}`, `100.64.0.${n + 1}`]}],
      }),
    ),
  ),
  fc
    .tuple(small, small)
    .map(([name, order]) => put(rawRecord(`${EXPORT}resources/globalnetworkpolicies/g${name}`, {spec: {order}}))),
)

/** A history in which some keys are deleted again. */
const history = (event: fc.Arbitrary<HistoryEvent>): fc.Arbitrary<HistoryEvent[]> =>
  fc
    .array(fc.tuple(event, fc.nat(9)), {maxLength: 25})
    .map((events) =>
      events.map(([one, dice], i) => (dice < 2 && i > 0 ? {key: events[i - 1]![0].key, value: null} : one)),
    )

/** By the walk that makes no objects: what it says of a lone member is what the map says of it. */
function walked(members: Members): Map<Prefix, readonly Member[]> {
  const found = new Map<Prefix, readonly Member[]>()
  const steps = members.walk!(
    (four, shared) => {
      const prefix = hostPrefix(fourText(four))
      const [member, ...others] = members.get(prefix)!
      assert.deepEqual(others, [])
      assert.ok(!found.has(prefix))
      found.set(prefix, [{...member!, ...shared}])
    },
    (prefix, all) => {
      assert.ok(!found.has(prefix))
      found.set(prefix, all)
    },
  )
  assert.ok([...steps].length > 0)
  return found
}

describe('Federation', () => {
  const config = configOf({authorities: [site('b'), site('a')]})

  it('the path does not matter: any order, split, repeat or squash gives the World of one list', () => {
    const sources: readonly SourceId[] = ['datastore/main', 'datastore/second', 'export/b']
    const histories = fc.tuple(history(localEvent), history(localEvent), history(remoteEvent))
    fc.assert(
      fc.property(
        histories,
        fc.array(fc.nat(), {minLength: 1, maxLength: 60}),
        fc.boolean(),
        (all, numbers, restoreFirst) => {
          const whole = new Federation(config)
          for (const [i, source] of sources.entries()) whole.update(asList(source, all[i]!))

          const decide = decider(numbers)
          const stepwise = new Federation(config)
          const batches = interleave(
            sources.map((source, i) => expand(source, all[i]!, decide)),
            decide,
          )
          const first = batches[0]!
          if (restoreFirst) stepwise.restore(first)
          const changed = new Set<string>()
          const seen = new Map(stepwise.world().members)
          stepwise.takeMemberChanges()
          for (const batch of restoreFirst ? batches.slice(1) : batches) {
            stepwise.update(batch)
            stepwise.world()
          }
          assert.deepEqual(plainWorld(stepwise.world()), plainWorld(whole.world()))
          assert.deepEqual(walked(stepwise.world().members), new Map(stepwise.world().members))

          // And what it says changed is exactly what did.
          const changes = stepwise.takeMemberChanges()
          assert.equal(new Map(changes).size, changes.size)
          assert.deepEqual(new Set(changes.keys()), new Set(new Map(changes).keys()))
          for (const [prefix, {before, after}] of changes) {
            changed.add(prefix)
            assert.deepEqual(changes.get(prefix), {before, after})
            // Whoever looks at the own site's alone is told of all of them.
            const sites = [...(before ?? []), ...(after ?? [])].map((member) => member.site)
            assert.ok(changes.others.has(prefix) || !sites.includes(config.site))
            assert.deepEqual(before, seen.get(prefix))
            assert.deepEqual(after, stepwise.world().members.get(prefix))
          }
          for (const [prefix, members] of stepwise.world().members) {
            if (!changed.has(prefix)) assert.deepEqual(seen.get(prefix), members)
          }
          for (const prefix of seen.keys()) assert.ok(changed.has(prefix) || stepwise.world().members.has(prefix))
        },
      ),
      {numRuns: Number(process.env.RUNS ?? 400)},
    )
  })
})
