// One cold compilation in a process of its own, so that its memory is its own: prints a `ColdCompile` as JSON.
import {compilePolicy} from '../../src/policy/index.ts'
import type {ColdCompile} from './compile-cost.ts'
import {workloadOf} from './workload.ts'

const [policies, endpoints, attributeSets, unrelated] = process.argv.slice(2).map(Number)
const {world} = workloadOf({
  policies: policies!,
  endpoints: endpoints!,
  attributeSets: attributeSets!,
  unrelated: unrelated === 1,
})
const beganMs = performance.now()
const {statistics, findings} = compilePolicy(world, {default: 'allow', previous: null, firstClass: 1})
const cold: ColdCompile = {
  seconds: (performance.now() - beganMs) / 1000,
  rssMib: process.resourceUsage().maxRSS / 1024,
  statistics,
  findings: findings.map(({code}) => code),
}
console.log(JSON.stringify(cold))
