import assert from 'node:assert/strict'
import {join} from 'node:path'
import {waitUntilJoined} from '../../../lab/joined.ts'
import {loadScenario} from '../../../lab/scenario/load.ts'
import {startWorld, type World} from '../../../lab/world.ts'
import {CHECKS} from '../../../src/diagnose/index.ts'
import {type Breakage, codesIn, diagnose, freeze, judgeCodes, make, settles, thaw} from './breakage.ts'
import {CALICO_BREAKAGES} from './calico-breakages.ts'
import {FILTER_BREAKAGES} from './filter-breakages.ts'
import {KERNEL_BREAKAGES} from './kernel-breakages.ts'
import {MACHINE_BREAKAGES} from './machine-breakages.ts'
import {ROUTING_BREAKAGES} from './routing-breakages.ts'
import {UNDERLAY_BREAKAGES} from './underlay-breakages.ts'

const SCENARIO = join(import.meta.dirname, '../../../lab/scenarios/diagnose/healthy.yaml')
const ALL: readonly Breakage[] = [
  ...MACHINE_BREAKAGES,
  ...KERNEL_BREAKAGES,
  ...UNDERLAY_BREAKAGES,
  ...ROUTING_BREAKAGES,
  ...FILTER_BREAKAGES,
  ...CALICO_BREAKAGES,
]
/** A tunnel that was lost is back within some seconds; BGP with a real router takes longest. */
const SEEN_WITHIN_MS = Number(process.env.SEEN_MS ?? 30_000)
const GONE_WITHIN_MS = 60_000

/** One lab for all: each case breaks one thing, sees it told and nothing else, repairs it, and sees it gone. */
describe('isthmus diagnose in the lab', function () {
  this.timeout(150_000)
  let world: World
  before(async () => {
    const {scenario, dir} = loadScenario(SCENARIO)
    world = await startWorld(scenario, dir, () => undefined)
    await waitUntilJoined(world)
  })
  after(async () => {
    await world?.stop()
  })

  it('every check is broken by a case', () => {
    const broken = new Set(ALL.map(({code}) => code))
    assert.deepEqual(
      CHECKS.map(({code}) => code).filter((code) => !broken.has(code)),
      [],
    )
  })

  it('a healthy gateway: nothing is found, in less than 10 s', async () => {
    await settles('healthy', async () => codesIn(await diagnose(world)).join(', ') || null, GONE_WITHIN_MS)
    const {status, ms, checks} = await diagnose(world)
    const notLooked = checks.flatMap(({check, unreachable}) =>
      unreachable === null ? [] : [`${check}: ${unreachable}`],
    )
    assert.deepEqual(notLooked, [])
    assert.equal(status, 0)
    assert.ok(ms < 10_000, `${Math.round(ms)} ms`)
  })

  for (const breakage of ALL) {
    const {code, name = '', broken, repaired, in: where, seenAs, frozen, status = 1} = breakage
    it(`${code} ${name}`.trimEnd(), async () => {
      const failures: unknown[] = []
      if (frozen) await freeze(world)
      try {
        await make(world, broken, where)
        let last = 0
        await settles(
          'broken',
          async () => {
            const answer = await diagnose(world, seenAs)
            last = answer.status
            return judgeCodes(codesIn(answer), breakage)
          },
          SEEN_WITHIN_MS,
        )
        assert.equal(last, frozen ? 3 : status)
      } catch (error) {
        failures.push(error)
      }
      // In any case, for the sake of all that come after; and what went wrong first is told.
      await make(world, repaired, where).catch((error: unknown) => failures.push(error))
      if (frozen) await thaw(world)
      if (failures.length > 0) throw failures[0]
      await settles('repaired', async () => codesIn(await diagnose(world)).join(', ') || null, GONE_WITHIN_MS)
    })
  }
})
