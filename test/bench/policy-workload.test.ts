import assert from 'node:assert/strict'
import {randomFlows} from '../../bench/policy/flows.ts'
import {seededRandom} from '../../bench/policy/random.ts'
import {SITES, workloadOf} from '../../bench/policy/workload.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {judge} from '../../src/policy/oracle/index.ts'

const SMALL = {policies: 60, endpoints: 400, attributeSets: 50}

describe('workload of the policy bench', () => {
  it('is the same each time', () => {
    assert.deepEqual(workloadOf(SMALL), workloadOf(SMALL))
  })

  it('begins with the same policies however many there are', () => {
    const [few, more] = [workloadOf(SMALL), workloadOf({...SMALL, policies: 90})]
    assert.deepEqual(more.world.policies.policies.slice(0, SMALL.policies), few.world.policies.policies)
  })

  it('has endpoints of every set in every site', () => {
    const {endpoints} = workloadOf(SMALL)
    assert.equal(endpoints.length, SMALL.endpoints)
    assert.equal(new Set(endpoints.map(({attributes}) => attributes)).size, SMALL.attributeSets)
    assert.equal(new Set(endpoints.map(({address}) => address)).size, SMALL.endpoints)
    assert.deepEqual(new Set(endpoints.map(({site}) => site)), new Set(SITES))
  })

  for (const wanted of ['allow', 'deny'] as const) {
    it(`draws flows that the oracle does ${wanted}`, () => {
      const {world, endpoints} = workloadOf(SMALL)
      const compiled = compilePolicy(world, {default: 'allow', previous: null, firstClass: 1})
      for (const {from, to, port} of randomFlows(compiled, endpoints, 50, seededRandom(1), wanted)) {
        const packet = {from: from.address, to: to.address, protocol: 17, sourcePort: 10_000, destinationPort: port}
        assert.equal(judge(world, 'allow', packet).verdict, wanted, JSON.stringify(packet))
      }
    })
  }
})
