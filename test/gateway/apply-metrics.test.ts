import assert from 'node:assert/strict'
import {Registry} from 'prom-client'
import {createApplyMetrics} from '../../src/gateway/apply-metrics.ts'
import type {PassReport} from '../../src/gateway/pass.ts'
import type {Appliers} from '../../src/gateway/reconcile.ts'
import type {NodeStep, Outcome} from '../../src/model/index.ts'

const step = (driver: NodeStep['driver'], key: string) => ({driver, key}) as NodeStep
const planned = {} as NonNullable<PassReport['planned']>
const pass = (part: Partial<PassReport> = {}) =>
  ({...{held: false, dirty: false, planned, steps: [], failures: []}, ...part}) as PassReport

function metrics() {
  const register = new Registry()
  let nowMs = 0
  const applied = createApplyMetrics(register, () => nowMs)
  const value = async (series: string): Promise<number> => {
    const line = (await register.metrics()).split('\n').find((one) => one.startsWith(`${series} `))
    assert.ok(line, `no series ${series}`)
    return Number(line.split(' ').at(-1))
  }
  return {applied, value, wait: (ms: number) => (nowMs += ms)}
}

describe('metrics of what is applied', () => {
  it('time a change from when it was told until a pass that left nothing undone, and not the start', async () => {
    const {applied, value, wait} = metrics()
    applied.told()
    applied.taken()
    wait(30_000)
    applied.passed(pass(), null)
    assert.equal(await value('isthmus_propagation_seconds_count'), 0)

    applied.told()
    wait(20)
    applied.told()
    applied.taken()
    applied.passed(pass({dirty: true}), pass())
    wait(100)
    applied.taken()
    applied.told()
    wait(80)
    applied.passed(pass(), pass({dirty: true}))
    assert.equal(await value('isthmus_propagation_seconds_sum'), 0.2)
    wait(5)
    applied.taken()
    applied.passed(pass(), pass())
    assert.equal(await value('isthmus_propagation_seconds_count'), 2)
    assert.equal(Math.round((await value('isthmus_propagation_seconds_sum')) * 1000), 285)
    applied.taken()
    applied.passed(pass(), pass())
    assert.equal(await value('isthmus_propagation_seconds_count'), 2, 'nothing was told')
  })

  it('count as repair what is due though the same is wanted as before, and was in force', async () => {
    const {applied, value} = metrics()
    const repairs = () => value('isthmus_apply_repairs_total{driver="nft"}')
    const steps = [step('nft', 'table')]
    assert.equal(await repairs(), 0)
    applied.passed(pass({steps}), null)
    applied.passed(pass({steps}), pass({held: true, planned: null}))
    applied.passed(pass({steps}), pass({dirty: true}))
    applied.passed(pass({steps, planned: {...planned}}), pass())
    assert.equal(await repairs(), 0)
    applied.passed(pass({steps, failures: [{ok: false, step: 'table', code: 'refused', cause: ''}]} as never), pass())
    assert.equal(await repairs(), 0, 'one that failed put nothing back')
    applied.passed(pass({steps}), pass())
    assert.equal(await repairs(), 1)
  })

  it('count steps by driver and result, and time the driver', async () => {
    const {applied, value, wait} = metrics()
    const apply = async (steps: readonly NodeStep[]): Promise<readonly Outcome[]> => {
      wait(40)
      return steps.map(({key}) =>
        key === 'bad' ? {ok: false, step: key, code: 'x', cause: ''} : {ok: true, step: key},
      ) as never
    }
    const one = {apply}
    const {nft} = applied.watch({sysctl: one, fou: one, nft: one, netlink: one, wireguard: one, bird: one} as Appliers)
    await nft.apply([step('nft', 'good'), step('nft', 'bad')] as never, new AbortController().signal)
    const count = (result: string) => value(`isthmus_apply_steps_total{driver="nft",result="${result}"}`)
    assert.deepEqual([await count('done'), await count('failed')], [1, 1])
    assert.equal(await value('isthmus_apply_duration_seconds_sum{driver="nft"}'), 0.04)
    assert.equal(await value('isthmus_apply_steps_total{driver="bird",result="failed"}'), 0)
  })

  it('time only what compiles', async () => {
    const {applied, value, wait} = metrics()
    const same = {}
    const compile = (result: object) => async () => {
      wait(10)
      return result
    }
    await applied.compile(same, compile(same))
    assert.equal(await value('isthmus_policy_compile_duration_seconds_count'), 0)
    await applied.compile(same, compile({}))
    assert.equal(await value('isthmus_policy_compile_duration_seconds_sum'), 0.01)
  })
})
