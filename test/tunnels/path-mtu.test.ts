import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  LEAST_IPV6_MTU,
  LEAST_MTU,
  limitOf,
  newPathMtu,
  nextPathMtu,
  type PathMtu,
  type PathProbes,
  type PathSearch,
} from '../../src/tunnels/index.ts'

/** A tunnel over a path that carries `carries` bytes, under a clock of its own; every second is looked at. */
function pathOf({configured = 1450, found = null as number | null, carries = 1450, least = LEAST_MTU} = {}) {
  const path = {carries, up: true}
  let nowMs = 1_000_000
  let state: PathMtu = newPathMtu(configured, found, nowMs, undefined, least)
  let search: PathSearch | null = null
  let [size, lost, passed] = [0, 0, 0]
  /** Every limit that was ever in force, and how many bytes of the path each met. */
  const limits: string[] = []
  const device = (): number => limitOf(state)?.device ?? configured
  const clamp = (): number => limitOf(state)?.clamp ?? configured
  const take = (event: Parameters<typeof nextPathMtu>[1]): void => {
    const next = nextPathMtu(state, event)
    state = next.state
    search = next.search ?? search
    const limit = `${device()}/${clamp()}`
    if (limits.at(-1) !== limit) limits.push(limit)
  }
  const largest = ({low, high}: PathSearch): number | null =>
    path.up && path.carries >= low ? Math.min(high, path.carries - (path.carries % 2)) : null
  const second = (): void => {
    nowMs += 1000
    if (size !== device()) [size, lost, passed] = [device(), 0, 0]
    if ((nowMs / 1000) % 5 === 0) {
      if (path.up && size <= path.carries) [lost, passed] = [0, passed + 1]
      else [lost, passed] = [lost + 1, 0]
    }
    const probes: PathProbes = {smallPasses: path.up, fullLostInRow: lost, fullPassedInRow: passed}
    // A search takes longer than a second.
    if (search && (nowMs / 1000) % 3 === 0) {
      const asked = search
      search = null
      take({kind: 'searched', nowMs, largest: largest(asked)})
    }
    // As the gateway does: probes of a size that the device no longer has are not told.
    if (size === device()) take({kind: 'looked', nowMs, probes})
  }
  return {
    path,
    limits,
    device,
    clamp,
    state: () => state,
    run: (seconds: number) => Array.from({length: seconds}, second),
  }
}

describe('path MTU', () => {
  it('of a device for IPv6 alone is never below 1,280, found now or before', () => {
    const narrow = pathOf({least: LEAST_IPV6_MTU, carries: 1270})
    narrow.run(300)
    assert.deepEqual(narrow.limits, ['1450/1450'])
    const wide = pathOf({least: LEAST_IPV6_MTU, carries: 1300})
    wide.run(300)
    assert.equal(wide.device(), 1300)
    assert.equal(pathOf({least: LEAST_IPV6_MTU, found: 1270}).device(), 1450)
    assert.equal(pathOf({found: 1270}).device(), 1270)
  })

  it('a path that carries the tunnel changes nothing, ever', () => {
    const {limits, run, state} = pathOf()
    run(7200)
    assert.deepEqual(limits, ['1450/1450'])
    assert.equal(state().found, null)
  })

  it('a narrow path is found within 15 s, device and clamp at once', () => {
    const {limits, run} = pathOf({carries: 1351})
    run(15)
    assert.deepEqual(limits, ['1450/1450', '1350/1350'])
  })

  it('a path that stays narrow is tried every eleven minutes; the clamp never rises, and the device not for long', () => {
    const tunnel = pathOf({carries: 1300})
    let raised = 0
    for (let second = 0; second < 7200; second++) {
      tunnel.run(1)
      assert.ok(second < 15 || tunnel.clamp() === 1300)
      if (second >= 15 && tunnel.device() > 1300) raised++
    }
    assert.ok(raised > 9 && raised <= 10 * 3 + 3, `${raised}`)
  })

  it('a path that shrinks later, and again, is noticed each time', () => {
    const {path, limits, run} = pathOf()
    run(1000)
    path.carries = 1400
    run(15)
    path.carries = 1000
    run(25)
    assert.deepEqual(limits, ['1450/1450', '1400/1400', '1000/1000'])
  })

  it('a path that widens is raised only after a minute of probes that all pass, the clamp last', () => {
    const {path, limits, run, state} = pathOf({carries: 1300})
    run(15)
    path.carries = 1500
    run(650)
    assert.deepEqual(limits.slice(1), ['1300/1300'])
    run(12)
    assert.equal(state().phase, 'rising')
    run(40)
    assert.deepEqual(limits.slice(1), ['1300/1300', '1450/1300'])
    run(30)
    assert.deepEqual(limits.slice(1), ['1300/1300', '1450/1300', '1450/1450'])
  })

  it('a path that widens in part is raised in part', () => {
    const {path, run, device, clamp} = pathOf({carries: 1300})
    run(15)
    path.carries = 1400
    run(800)
    assert.deepEqual([device(), clamp()], [1400, 1400])
  })

  it('one that narrows again while it rises falls back at the first loss', () => {
    const {path, run, device, clamp, state} = pathOf({carries: 1300})
    run(15)
    path.carries = 1500
    run(680)
    assert.equal(state().phase, 'rising')
    path.carries = 1300
    run(6)
    assert.deepEqual([device(), clamp(), state().phase], [1300, 1300, 'steady'])
  })

  it('a tunnel that is down says nothing of its MTU, in any phase', () => {
    const {path, limits, run} = pathOf({carries: 1300})
    path.up = false
    run(3600)
    assert.deepEqual(limits, ['1450/1450'])
    path.up = true
    run(15)
    path.up = false
    run(3600)
    assert.deepEqual(limits, ['1450/1450', '1300/1300'])
  })

  it('what an earlier run found is in force from the first moment', () => {
    const {limits, run} = pathOf({found: 1300, carries: 1300})
    assert.deepEqual(limitOf(newPathMtu(1450, 1300, 0)), {device: 1300, clamp: 1300})
    run(600)
    assert.deepEqual(limits, ['1300/1300'])
  })

  for (const found of [0, 100, 1450, 9000]) {
    it(`an earlier find of ${found} for 1450 counts as none`, () => {
      assert.equal(limitOf(newPathMtu(1450, found, 0)), null)
    })
  }

  it('below 576 bytes nothing is lowered: that is no path', () => {
    const {limits, run} = pathOf({carries: 500})
    run(600)
    assert.deepEqual(limits, ['1450/1450'])
  })

  it('whatever a path does, MSS is never clamped to more than it carried in the last 20 s, nor a device raised for it', () => {
    const change = fc.record({seconds: fc.integer({min: 1, max: 1500}), carries: fc.integer({min: 576, max: 1600})})
    fc.assert(
      fc.property(fc.array(change, {maxLength: 8}), (changes) => {
        const tunnel = pathOf()
        for (const {seconds, carries} of changes) {
          tunnel.path.carries = carries
          for (let second = 1; second <= seconds; second++) {
            tunnel.run(1)
            assert.ok(second <= 30 || tunnel.clamp() <= carries, `clamp ${tunnel.clamp()}, path ${carries}`)
            assert.ok(tunnel.clamp() <= tunnel.device() && tunnel.device() <= 1450)
          }
        }
        // And it comes back whole.
        tunnel.path.carries = 1600
        tunnel.run(2000)
        assert.deepEqual([tunnel.device(), tunnel.clamp()], [1450, 1450])
      }),
      {numRuns: 50},
    )
  })
})
