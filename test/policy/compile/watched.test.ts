import assert from 'node:assert/strict'
import fc from 'fast-check'
import {type Policy, UNWATCHED_MARK, WATCHED, WATCHED_MARK, type World} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {WATCH_BOUNDS, watchOf} from '../../../src/policy/compile/watched.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {chainOf, interpretFlow} from '../nft-interpreter.ts'
import {packets, policies, seed, verdicts, worlds} from '../random-world.ts'
import {stagedIn, stagedInForce} from '../staged-world.ts'
import {address, attributes, entity, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Math.ceil(Number(process.env.RUNS ?? 250) / 3)

const some = fc.array(packets, {minLength: 20, maxLength: 60, size: 'max'})
const actions = fc.array(fc.constantFrom(undefined, undefined, undefined, 'Delete' as const, 'Ignore' as const), {
  minLength: 4,
  maxLength: 4,
})
const stagedOnes = fc.tuple(policies, actions)
const flowMarks = fc.constantFrom('0x00000000', WATCHED_MARK, UNWATCHED_MARK, '0x00001203')

const compiledOf = (known: World, standard: 'allow' | 'deny' = 'deny', previous: Compiled | null = null): Compiled =>
  compilePolicy(known, {default: standard, previous, firstClass: 7})

/** How often a packet was watched. */
function checkAll(
  known: World,
  standard: 'allow' | 'deny',
  compiled: Compiled,
  flows: Iterable<Parameters<typeof judge>[2]>,
  mark: string,
): number {
  const would = stagedInForce(known)
  assert.equal(compiled.udpPorts === null, compiled.watch !== null)
  let watched = 0
  for (const packet of flows) {
    const {end, flow} = interpretFlow(compiled, packet, mark)
    const is = judge(known, standard, packet)
    const told = JSON.stringify({packet, is, end, flow})
    assert.equal(end, chainOf(is), told)
    if (is.verdict === 'deny') continue
    const denied = judge(would, standard, packet).verdict === 'deny'
    assert.equal(flow === WATCHED_MARK, denied || (mark === WATCHED_MARK && !compiled.watch), told)
    if (!denied) assert.equal(flow, mark === WATCHED_MARK && compiled.watch ? UNWATCHED_MARK : mark, told)
    watched += Number(denied)
  }
  return watched
}

describe(`flows that staged policies would deny (SEED=${seed})`, () => {
  it('are watched, of all that are allowed just these, and no verdict is another', () => {
    let watched = 0
    fc.assert(
      fc.property(worlds, stagedOnes, verdicts, flowMarks, some, (base, [drawn, kinds], standard, mark, flows) => {
        const known = {...base, staged: stagedIn(base, drawn, kinds)}
        watched += checkAll(known, standard, compiledOf(known, standard), flows, mark)
      }),
      {seed, numRuns},
    )
    assert.ok(numRuns < 50 || watched > 20, `${watched} were`)
  }).timeout(Math.max(20_000, numRuns * 100))

  it('are watched just so where policies change, and each that is judged on the way', () => {
    let [ways, goesOn] = [0, 0]
    const steps = fc.array(fc.tuple(policies, stagedOnes, some), {minLength: 2, maxLength: 3})
    fc.assert(
      fc.property(worlds, verdicts, steps, (base, standard, all) => {
        let compiled: Compiled | null = null
        for (const [inForce, [drawn, kinds], flows] of all) {
          const kept = [...base.policies.policies.slice(0, 4), ...inForce.slice(0, 3)]
          const unique = [...new Map(kept.map((one) => [one.keyName, one])).values()]
          const next = {...base, policies: {tiers: base.policies.tiers, policies: unique}}
          const known = {...next, staged: stagedIn(next, drawn, kinds)}
          const before: Compiled | null = compiled
          const wasWatching = before?.watch ?? null
          compiled = compiledOf(known, standard, before)
          goesOn += Number(before?.state.understood.into === compiled.state.understood.into)
          checkAll(known, standard, compiled, flows, '0x00000000')
          if (!wasWatching && !compiled.watch) continue
          for (const stage of compiled.stages) {
            ways++
            assert.ok(stage.chains.has(WATCHED))
            for (const packet of flows.slice(0, 5)) {
              assert.equal(interpretFlow(stage, packet, '0x00000000').flow, WATCHED_MARK)
            }
          }
        }
      }),
      {seed, numRuns: Math.ceil(numRuns / 2)},
    )
    assert.ok(numRuns < 50 || (ways > 20 && goesOn > 20), `${ways} stages, ${goesOn} goings on`)
  }).timeout(Math.max(20_000, numRuns * 100))
})

describe('what is watched for staged policies', () => {
  const deny = (part: Partial<Policy> = {}): Policy => ({
    ...policy('no-web', {
      types: ['ingress'],
      order: 1,
      selector: "app == 'db'",
      ingress: [
        rule('Log'),
        rule('Deny', {protocol: 6, destination: entity({ports: {ranges: [{first: 80, last: 80}], names: []}})}),
        rule('Pass'),
      ],
    }),
    kind: 'StagedGlobalNetworkPolicy',
    ...part,
  })
  const worldWith = (staged: readonly Policy[], peers = 3): World => ({
    ...world(
      Array.from({length: peers + 1}, (_, index) => ({
        at: `10.1.0.${index + 1}/32`,
        site: 'a',
        set: attributes('pod', {labels: index === 0 ? {app: 'db'} : {app: `web${index}`, asks: 'yes'}}),
      })),
      [tier('default', 1)],
      [
        policy('all', {ingress: [rule('Allow')], egress: [rule('Allow')], order: 3}),
        // Each peer is a class of its own.
        ...Array.from({length: peers}, (_, index) => {
          const own = {types: ['egress' as const], order: 2, selector: `app == 'web${index + 1}'`}
          return policy(`own${index}`, {...own, egress: [rule('Allow')]})
        }),
      ],
    ),
    staged,
  })

  it('is nothing, at no cost, where nothing is staged, or kept aside, or changes nothing', () => {
    const plain = compiledOf(worldWith([]))
    const harmless = policy('more', {types: ['ingress'], ingress: [rule('Allow')], order: 1})
    for (const staged of [
      [],
      [deny({stagedAction: 'Ignore'})],
      [{...harmless, kind: 'StagedGlobalNetworkPolicy'} as const],
    ]) {
      const {watch, chains} = compiledOf(worldWith(staged))
      assert.equal(watch, null)
      assert.deepEqual(chains.get('judge_pair'), plain.chains.get('judge_pair'))
    }
  })

  it('is one entry for a subject whose peers are all alike, and logs nothing', () => {
    const {watch} = compiledOf(worldWith([deny()], 40))
    assert.deepEqual(
      watch?.sets.map(({name, elements}) => [name, elements.size]),
      [['watch_destinations', 1]],
    )
    assert.ok(!watch?.chains.some(({rules}) => rules.some((text) => text.includes('log_'))))
  })

  it('is what holds for most peers, and the others by themselves', () => {
    const source = entity({selector: 'has(asks)'})
    const with10 = worldWith([deny({ingress: [rule('Deny', {source})]})], 10)
    // No rule means the others, whatever is in force.
    const inForce = with10.policies.policies.filter(({meta}) => meta.name !== 'all')
    const known = {...with10, policies: {tiers: [tier('default', 1, 'Pass')], policies: inForce}}
    const compiled = compiledOf(known, 'allow')
    const others = compiled.watch?.sets.find(({name}) => name === 'watch_in')?.elements
    assert.deepEqual(new Set(others?.values()), new Set(['goto unwatched']))
    assert.ok(others?.size === 2, 'the pod itself, and unknown addresses')
    const to = address('10.1.0.1')
    const flows = ['10.1.0.2', '10.1.0.11', '10.9.0.9'].map((from) => ({from: address(from), to, protocol: 6}))
    assert.equal(checkAll(known, 'allow', compiled, flows, '0x00000000'), 2)
  })

  it('is nothing, with a finding, where it would be too much', () => {
    const all = Array.from({length: 200}, (_, index) => ({
      at: `10.1.0.${index + 1}/32`,
      site: 'a',
      set: attributes('pod', {labels: {app: `web${index}`, ...(index % 2 === 0 ? {asks: 'yes'} : {})}}),
    }))
    const each = all.map((_, index) =>
      policy(`own${index}`, {selector: `app == 'web${index}'`, egress: [rule('Allow')]}),
    )
    const source = entity({selector: 'has(asks)'})
    const staged = [deny({selector: 'all()', ingress: [rule('Deny', {source})]})]
    const known = {...world(all, [tier('default', 1, 'Pass')], each), staged}
    const {watch, findings, chains, state} = compiledOf(known, 'allow')
    assert.equal(watch, null)
    assert.deepEqual(
      findings.map(({code}) => code),
      ['staged-too-large'],
    )
    assert.ok(!chains.has(WATCHED))
    const table = state.live!.pairs
    assert.equal(watchOf(staged, table, {maxEntries: 1_000_000, maxLooks: 1000}), 'too-large')
    const bounds = {maxEntries: 1_000_000, maxLooks: 1_000_000}
    const whole = watchOf(staged, table, bounds)
    assert.ok(whole !== null && whole !== 'too-large')
    assert.ok(whole.sets.reduce((sum, {elements}) => sum + elements.size, 0) > WATCH_BOUNDS.maxEntries)
  })

  it('is left as it was by packets that tell of a flow', () => {
    const {watch} = compiledOf(worldWith([deny()]))
    assert.equal(watch?.chains.find(({name}) => name === 'watch')?.rules[0], 'ct state related,invalid return')
  })

  it('is nothing where the configuration wants judged packets only, and where it says so again', () => {
    const known = worldWith([deny()])
    const judged = compilePolicy(known, {default: 'deny', previous: null, firstClass: 7, stagedPackets: 'judged'})
    assert.equal(judged.watch, null)
    const exact = compilePolicy(known, {default: 'deny', previous: judged, firstClass: 7, stagedPackets: 'exact'})
    assert.notEqual(exact.watch, null)
    const back = compilePolicy(known, {default: 'deny', previous: exact, firstClass: 7, stagedPackets: 'judged'})
    assert.equal(back.watch, null)
  })
})
