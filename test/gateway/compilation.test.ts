import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {createCompilation} from '../../src/gateway/compilation.ts'
import {createGathering} from '../../src/gateway/gathering.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import type {ActualNft, SourceId} from '../../src/model/index.ts'
import {DENY_UNOWNED} from '../../src/policy/compile/pair-table.ts'
import {configOf, listOf, podRecord} from '../support/sites.ts'

const SOURCES: SourceId[] = ['datastore/main', 'datastore/second', 'export/b', 'export/c']
const EMPTY: ActualNft = {counters: [], sets: new Map(), chains: new Map()}

function starting() {
  const federation = new Federation(configOf())
  const failed = new Set<SourceId>()
  let nowMs = 0
  let triggers = 0
  const isGathered = createGathering({
    sources: SOURCES,
    hasFailed: (source) => failed.has(source),
    nowMs: () => nowMs,
  })
  const compilation = createCompilation({
    ...{
      config: {default: 'allow', stagedPackets: 'exact'},
      firstClass: 7,
      previous: null,
      isGathered,
      gate: createTurnstile(),
    },
    trigger: () => triggers++,
  })
  return {
    federation,
    failed,
    triggers: () => triggers,
    passAfter: async (ms: number, held: ActualNft | null) => {
      nowMs += ms
      const world = federation.world()
      compilation.noteChanges(federation.takeMemberChanges())
      const compiled = await compilation.compile(world, held)
      assert.equal(compilation.current(), compiled)
      // By what is first asked of a packet, not by what the policy says of itself.
      const isDenied = compiled.chains.get('judge')!.rules.join() === `goto ${DENY_UNOWNED}`
      assert.equal(isDenied, compiled.isShut)
      return compiled
    },
  }
}

describe('the policy of a start on an empty kernel', () => {
  it('denies all, whatever is known, until all sources are there, and until the kernel has it', async () => {
    const {federation, triggers, passAfter} = starting()
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    assert.ok((await passAfter(0, null)).isShut)
    assert.equal(triggers(), 1, 'the next pass is asked for')
    assert.ok((await passAfter(1000, EMPTY)).isShut)
    for (const source of SOURCES.slice(1)) federation.update(listOf(source, []))
    assert.ok((await passAfter(0, null)).isShut, 'the kernel does not have the shut one')
    const opened = await passAfter(0, EMPTY)
    assert.equal(opened.isShut, false)
    assert.equal(opened.stages.length, 1)
    assert.equal(opened.statistics.endpoints, 1)
  })

  it('does not stay shut for ever for a source that fails, and follows it when it comes', async () => {
    const {federation, failed, passAfter} = starting()
    for (const source of SOURCES.slice(0, 3)) federation.update(listOf(source, []))
    failed.add('export/c')
    await passAfter(0, null)
    assert.ok((await passAfter(0, EMPTY)).isShut)
    assert.ok((await passAfter(2900, EMPTY)).isShut)
    assert.equal((await passAfter(200, EMPTY)).isShut, false)
    federation.update(listOf('export/c', []))
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    const later = await passAfter(0, EMPTY)
    assert.equal(later.isShut, false)
    assert.equal(later.statistics.endpoints, 1)
  })

  it('is what there is where the kernel has a table already: no shut one', async () => {
    const {passAfter} = starting()
    assert.equal((await passAfter(0, EMPTY)).isShut, false)
  })
})
